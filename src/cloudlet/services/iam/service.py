"""The IAM service, and its own words for a name that is none."""

from typing import Any

from ...errors import ValidationError
from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel

_NAMES = ("roleNameType", "userNameType", "existingUserNameType", "groupNameType", "policyNameType",
          "instanceProfileNameType")
_NAME = ("The specified value for {} is invalid. It must contain only alphanumeric characters and/or the "
         "following: +=,.@_-")
_PATH = ("The specified value for {} is invalid. It must begin and end with / and contain only alphanumeric "
         "characters and/or / characters.")
_DOCUMENT = "The specified value for {} is invalid. It must contain only printable ASCII characters."
_RULES = {**dict.fromkeys(_NAMES, _NAME), "pathType": _PATH, "policyDocumentType": _DOCUMENT}


def check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold ``params`` against the model; names, paths and documents have sentences of their own."""
    if spec.input is None:
        return
    found = validate.violations(params, spec.input)
    if not found:
        return
    for name, member in spec.input.shape.members.items():
        said = f"at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must satisfy regular"
        rule = _RULES.get(member.shape.name)
        if rule and any(said in each for each in found):
            raise ValidationError(rule.format(name[:1].lower() + name[1:]))
    raise ValidationError(validate.message(found))


iam = Service("iam", check=check)

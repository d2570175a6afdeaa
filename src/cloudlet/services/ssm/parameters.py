"""Parameters: written, labelled, tagged and deleted."""

import base64
import re
from typing import Any

from ...kernel import Call
from . import limits, names
from .errors import (
    HierarchyTypeMismatchException,
    InvalidAllowedPatternException,
    InvalidKeyId,
    InvalidResourceId,
    InvalidResourceType,
    ParameterAlreadyExists,
    ParameterMaxVersionLimitExceeded,
    ParameterPatternMismatchException,
    ParameterVersionLabelLimitExceeded,
    TooManyTagsError,
    ValidationException,
)
from .records import Parameter, Version, find, need, parameters, version_of, versions
from .service import ssm

_KEY = "alias/aws/ssm"
_TAGS_AND_OVERWRITE = (
    "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please "
    "remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
    "RemoveTagsFromResource."
)
_TOO_LARGE = (
    "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger "
    "parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)


@ssm.operation
def put_parameter(call: Call, name: str, value: str, type: str | None = None, description: str | None = None,
                  key_id: str | None = None, overwrite: bool = False, allowed_pattern: str | None = None,
                  tags: list[dict[str, str]] | None = None, tier: str | None = None,
                  data_type: str = "text") -> dict[str, Any]:
    """Write a new parameter, or a new version of one."""
    names.check(name)
    if tags and overwrite:
        raise ValidationException(_TAGS_AND_OVERWRITE)
    if data_type != "text":
        raise ValidationException(f"cloudlet has parameters of the data type text only, not {data_type}")
    parameter = parameters.get(call, name)
    if parameter and not overwrite:
        raise ParameterAlreadyExists(
            "The parameter already exists. To overwrite this value, set the overwrite "
            "option in the request to true."
        )
    before = version_of(call, parameter) if parameter else None
    type = type or (before.type if before else None)
    if type is None:
        raise ValidationException("A parameter type is required when you create a parameter.")
    if before and before.type != type:
        raise HierarchyTypeMismatchException
    _check_value(value, type, allowed_pattern)
    tier = _tier(value, tier, before)
    number = before.number + 1 if before else 1
    if parameter is None:
        parameter = Parameter(name, number, tags=_tagged({}, tags or []))
    else:
        _make_room(call, parameter, number)
        parameter.version = number
    inherited = description if description is not None else before.description if before else ""
    versions.put(call, name, number, record=Version(
        number, value, type, call.now_ms, call.principal.arn, _cipher(call, value, type), _key(type, key_id),
        inherited, allowed_pattern or "", tier))
    parameters.put(call, name, record=parameter)
    return {"Version": number, "Tier": tier}


@ssm.operation
def delete_parameter(call: Call, name: str) -> dict[str, Any]:
    """Remove a parameter with all its versions."""
    _remove(call, need(call, name))
    return {}


@ssm.operation
def delete_parameters(call: Call, names: list[str]) -> dict[str, Any]:
    """Remove several; those that are not there are named."""
    deleted, invalid = list[str](), list[str]()
    for name in dict.fromkeys(names):
        parameter = find(call, name)
        if parameter is None:
            invalid.append(name)
        else:
            _remove(call, parameter)
            deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


@ssm.operation
def label_parameter_version(call: Call, name: str, labels: list[str],
                            parameter_version: int | None = None) -> dict[str, Any]:
    """Let labels stand for a version; a label moves if it stood for another."""
    parameter = need(call, name)
    version = version_of(call, parameter, str(parameter_version) if parameter_version is not None else "")
    valid = [label for label in labels if names.is_label(label)]
    held = {label for label, number in parameter.labels.items() if number == version.number} | set(valid)
    if len(held) > limits.MAX_LABELS:
        raise ParameterVersionLabelLimitExceeded(
            f"A parameter version can have maximum {limits.MAX_LABELS} labels. Move one or more labels to "
            "another version and try again."
        )
    parameter.labels |= dict.fromkeys(valid, version.number)
    parameters.put(call, parameter.name, record=parameter)
    return {
        "InvalidLabels": [label for label in labels if label not in valid],
        "ParameterVersion": version.number,
    }


@ssm.operation
def unlabel_parameter_version(
    call: Call, name: str, parameter_version: int, labels: list[str]
) -> dict[str, Any]:
    """Take labels off a version."""
    parameter = need(call, name)
    version = version_of(call, parameter, str(parameter_version))
    removed = [label for label in labels if parameter.labels.get(label) == version.number]
    for label in removed:
        del parameter.labels[label]
    parameters.put(call, parameter.name, record=parameter)
    return {"RemovedLabels": removed, "InvalidLabels": [label for label in labels if label not in removed]}


@ssm.operation
def add_tags_to_resource(call: Call, resource_type: str, resource_id: str,
                         tags: list[dict[str, str]]) -> dict[str, Any]:
    """Add tags to a parameter."""
    parameter = _tagged_one(call, resource_type, resource_id)
    parameter.tags = _tagged(parameter.tags, tags)
    parameters.put(call, parameter.name, record=parameter)
    return {}


@ssm.operation
def remove_tags_from_resource(call: Call, resource_type: str, resource_id: str,
                              tag_keys: list[str]) -> dict[str, Any]:
    """Take tags off a parameter."""
    parameter = _tagged_one(call, resource_type, resource_id)
    parameter.tags = {key: value for key, value in parameter.tags.items() if key not in tag_keys}
    parameters.put(call, parameter.name, record=parameter)
    return {}


@ssm.operation
def list_tags_for_resource(call: Call, resource_type: str, resource_id: str) -> dict[str, Any]:
    """The tags of a parameter."""
    tags = _tagged_one(call, resource_type, resource_id).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _check_value(value: str, type: str, pattern: str | None) -> None:
    if not value:
        raise ValidationException(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    if not pattern:
        return
    try:
        allowed = re.compile(pattern)
    except re.error:
        raise InvalidAllowedPatternException(f"Invalid allowed pattern: {pattern}") from None
    items = value.split(",") if type == "StringList" else [value]
    if not all(allowed.search(item) for item in items):
        raise ParameterPatternMismatchException(
            f"Parameter value, cannot be validated against allowedPattern: {pattern}")


def _tier(value: str, tier: str | None, before: Version | None) -> str:
    """The tier a value gets; an advanced parameter can't become a standard one."""
    tier = tier or (before.tier if before else "Standard")
    if tier == "Intelligent-Tiering":
        large = len(value) > limits.MAX_STANDARD_VALUE or (before and before.tier == "Advanced")
        tier = "Advanced" if large else "Standard"
    if tier == "Standard" and before and before.tier == "Advanced":
        raise ValidationException(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter "
            "from the advanced-parameter tier to the standard-parameter tier."
        )
    if tier == "Standard" and len(value) > limits.MAX_STANDARD_VALUE:
        raise ValidationException(_TOO_LARGE)
    if len(value) > limits.MAX_ADVANCED_VALUE:
        raise ValidationException("Advanced tier parameters support a maximum parameter value of "
                                  f"{limits.MAX_ADVANCED_VALUE} characters.")
    return tier


def _make_room(call: Call, parameter: Parameter, number: int) -> None:
    """A parameter keeps its newest hundred versions."""
    while parameter.oldest <= number - limits.MAX_VERSIONS:
        if parameter.oldest in parameter.labels.values():
            raise ParameterMaxVersionLimitExceeded(
                f"You attempted to create a new version of {parameter.name} by calling the PutParameter API "
                f"with the overwrite flag. Version {parameter.oldest}, the oldest version, can't be deleted "
                "because it has a label associated with it. Move the label to another version of the "
                "parameter, and try again."
            )
        versions.delete(call, parameter.name, parameter.oldest)
        parameter.oldest += 1


def _remove(call: Call, parameter: Parameter) -> None:
    for number in range(parameter.oldest, parameter.version + 1):
        versions.delete(call, parameter.name, number)
    parameters.delete(call, parameter.name)


def _key(type: str, key_id: str | None) -> str:
    if type != "SecureString":
        if key_id:
            raise ValidationException("KeyId is required for SecureString type parameter only.")
        return ""
    if key_id not in (None, _KEY):
        raise InvalidKeyId(f"cloudlet has no keys but AWS's own: {_KEY}, not {key_id}")
    return _KEY


def _cipher(call: Call, value: str, type: str) -> str:
    """What looks like the value's encryption, and tells nothing of it but its length."""
    if type != "SecureString":
        return ""
    return base64.b64encode(b"\x01\x02\x02\x00\x78" + call.ids.bytes(150 + len(value.encode()))).decode()


def _tagged_one(call: Call, resource_type: str, resource_id: str) -> Parameter:
    if resource_type != "Parameter":
        raise InvalidResourceType(f"cloudlet has resources of the type Parameter only, not {resource_type}")
    parameter = find(call, resource_id)
    if parameter is None:
        raise InvalidResourceId
    return parameter


def _tagged(old: dict[str, str], new: list[dict[str, str]]) -> dict[str, str]:
    if any(tag["Key"].lower().startswith("aws:") for tag in new):
        raise ValidationException("Tag keys may not begin with aws:")
    tags = {**old, **{tag["Key"]: tag["Value"] for tag in new}}
    if len(tags) > limits.MAX_TAGS:
        raise TooManyTagsError
    return tags

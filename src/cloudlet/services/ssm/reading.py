"""Parameters read: by name, by path, their history, and lists of them.

``/aws/reference/secretsmanager/NAME`` reads a secret of Secrets Manager.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ...errors import AwsError
from ...kernel import Call
from . import limits, names
from .errors import InvalidFilterKey, InvalidFilterOption, ParameterNotFound, ValidationException
from .records import Parameter, Version, described, need, parameters, shown, value_of, version_of, versions
from .service import ssm

_SECRETS = "/aws/reference/secretsmanager/"
_LAST = "\U0010ffff"
Filter = dict[str, Any]
Test = Callable[[Parameter, Version], bool]


@ssm.operation
def get_parameter(call: Call, name: str, with_decryption: bool = False) -> dict[str, Any]:
    """One parameter; ``name:3`` and ``name:label`` choose a version."""
    if name.startswith(_SECRETS):
        return {"Parameter": _secret(call, name, with_decryption)}
    plain, selector = names.split(name)
    names.check_read(plain)
    parameter = need(call, name)
    return {
        "Parameter": shown(call, parameter, version_of(call, parameter, selector), with_decryption, selector)
    }


@ssm.operation
def get_parameters(call: Call, names: list[str], with_decryption: bool = False) -> dict[str, Any]:
    """Several parameters; those that are not there are named."""
    found, invalid = list[dict[str, Any]](), list[str]()
    for name in dict.fromkeys(names):
        try:
            found.append(get_parameter(call, name, with_decryption)["Parameter"])
        except AwsError as error:
            if name.startswith(_SECRETS) and not with_decryption:
                raise
            if error.code == "ValidationException":
                raise
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


@ssm.operation
def get_parameters_by_path(
    call: Call,
    path: str,
    recursive: bool = False,
    parameter_filters: list[Filter] | None = None,
    with_decryption: bool = False,
    max_results: int = limits.MAX_BY_PATH,
    next_token: str | None = None,
) -> dict[str, Any]:
    """The parameters right under a path, or with ``recursive`` all under it."""
    names.check_path(path)
    tests = [_test(one, ("Type", "KeyId", "Label")) for one in parameter_filters or ()]
    labels = [
        label for one in parameter_filters or () if one["Key"] == "Label" for label in one.get("Values", ())
    ]
    found: list[dict[str, Any]] = []
    for parameter in _under(call, path.rstrip("/") + "/", recursive, next_token):
        label = next((label for label in labels if label in parameter.labels), "")
        version = version_of(call, parameter, label)
        if all(test(parameter, version) for test in tests):
            if len(found) == max_results:
                return {"Parameters": found, "NextToken": found[-1]["Name"]}
            found.append(shown(call, parameter, version, with_decryption, label))
    return {"Parameters": found}


@ssm.operation
def get_parameter_history(
    call: Call,
    name: str,
    with_decryption: bool = False,
    max_results: int = limits.MAX_LISTED,
    next_token: str | None = None,
) -> dict[str, Any]:
    """All versions of a parameter, the oldest first."""
    parameter = need(call, name)
    start = int(next_token) if next_token and next_token.isdigit() else 0
    found: list[dict[str, Any]] = []
    for _, version in versions.items(call, parameter.name, after=(parameter.name, start)):
        if len(found) == max_results:
            return {"Parameters": found, "NextToken": str(found[-1]["Version"])}
        entry = described(call, parameter, version)
        del entry["ARN"]
        labels = [label for label, number in parameter.labels.items() if number == version.number]
        found.append(entry | {"Value": value_of(version, with_decryption), "Labels": labels})
    return {"Parameters": found}


@ssm.operation
def describe_parameters(
    call: Call,
    parameter_filters: list[Filter] | None = None,
    max_results: int = limits.MAX_LISTED,
    next_token: str | None = None,
) -> dict[str, Any]:
    """Parameters without their values."""
    tests = [
        _test(one, ("Name", "Path", "Type", "KeyId", "Tier", "DataType", "tag:"))
        for one in parameter_filters or ()
    ]
    found: list[dict[str, Any]] = []
    for _, parameter in parameters.items(call, after=(next_token,) if next_token else None):
        version = version_of(call, parameter)
        if all(test(parameter, version) for test in tests):
            if len(found) == max_results:
                return {"Parameters": found, "NextToken": found[-1]["Name"]}
            found.append(described(call, parameter, version))
    return {"Parameters": found}


def _under(call: Call, prefix: str, recursive: bool, after: str | None) -> Iterator[Parameter]:
    """Parameters under a path; what lies deeper than is asked for is leapt over."""
    edge = after or prefix
    while edge:
        start, edge = edge, ""
        for (name, *_), parameter in parameters.items(call, after=(start,)):
            text = str(name)
            if not text.startswith(prefix):
                return
            first, deeper, _ = text[len(prefix):].partition("/")
            if deeper and not recursive:
                edge = f"{prefix}{first}/{_LAST}"
                break
            yield parameter


def _test(one: Filter, known: tuple[str, ...]) -> Test:
    key, option, values = one["Key"], one.get("Option", ""), one.get("Values") or []
    if key not in known and not (key.startswith("tag:") and "tag:" in known):
        raise InvalidFilterKey(f"The following filter key is not valid: {key}. Valid filter keys include: "
                               f"[{', '.join(known)}].")
    if key == "Path":
        return _path_test(option or "OneLevel", values)
    if key == "Label":
        return lambda parameter, version: any(label in parameter.labels for label in values)
    compare = _comparison(key, option or "Equals")
    if key.startswith("tag:"):
        tag = key.partition(":")[2]
        return lambda parameter, version: tag in parameter.tags and (
            not values or any(compare(parameter.tags[tag], value) for value in values))
    if key == "Name":
        return lambda parameter, version: any(
            compare(parameter.name, value) or compare(parameter.name.removeprefix("/"), value)
            for value in values
        )
    attribute = {"Type": "type", "KeyId": "key_id", "Tier": "tier", "DataType": "data_type"}[key]
    return lambda parameter, version: any(compare(getattr(version, attribute), value) for value in values)


def _comparison(key: str, option: str) -> Callable[[str, str], bool]:
    if option == "Equals":
        return lambda found, value: found == value
    if option == "BeginsWith" and key != "Tier":
        return lambda found, value: found.startswith(value)
    if option == "Contains" and key == "Name":
        return lambda found, value: value in found
    raise InvalidFilterOption(f"The following filter option is not valid: {option}. Valid options include: "
                              "[BeginsWith, Equals].")


def _path_test(option: str, values: list[str]) -> Test:
    if option not in ("OneLevel", "Recursive"):
        raise InvalidFilterOption(
            f"The following filter option is not valid: {option}. Valid options include: "
            "[Recursive, OneLevel]."
        )
    for value in values:
        names.check_path(value)

    def test(parameter: Parameter, version: Version) -> bool:
        for value in values:
            prefix = value.rstrip("/") + "/"
            rest = parameter.name.removeprefix(prefix)
            if rest != parameter.name and (option == "Recursive" or "/" not in rest):
                return True
        return False

    return test


def _secret(call: Call, name: str, with_decryption: bool) -> dict[str, Any]:
    if not with_decryption:
        raise ValidationException("WithDecryption flag must be True for retrieving a Secret Manager secret.")
    plain, _, selector = name.removeprefix(_SECRETS).partition(":")
    chosen: dict[str, Any] = (
        {"VersionStage": selector}
        if selector.startswith("AWS")
        else {"VersionId": selector}
        if selector
        else {}
    )
    try:
        secret = call.invoke("secretsmanager", "GetSecretValue", SecretId=plain, **chosen)
    except AwsError as error:
        raise ParameterNotFound(
            f"An error occurred ({error.code}) when referencing Secrets Manager: {error}"
        ) from None
    moment = secret["CreatedDate"]
    return {
        "Name": name.partition(":")[0] if not selector else name,
        "Type": "SecureString",
        "Value": secret.get("SecretString", ""),
        "Version": 0,
        "LastModifiedDate": moment,
        "ARN": secret["ARN"],
        "SourceResult": json.dumps(
            {key: value for key, value in secret.items() if key != "SecretBinary"}, default=str
        ),
    }




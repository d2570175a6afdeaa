"""What is kept of a parameter: what it is, and each of its versions.

Values of SecureStrings lie in the store as they are: it is the permissions of the data folder that
protect them. What AWS would show of one without decryption is made up when it is written.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from . import names
from .errors import ParameterNotFound, ParameterVersionNotFound


class Parameter(msgspec.Struct):
    """A parameter; its labels each name a version."""

    name: str
    version: int
    tags: dict[str, str] = {}
    labels: dict[str, int] = {}
    oldest: int = 1


class Version(msgspec.Struct):
    """One version. ``cipher`` is what is shown of a SecureString without decryption."""

    number: int
    value: str
    type: str
    modified_ms: int
    user: str
    cipher: str = ""
    key_id: str = ""
    description: str = ""
    allowed_pattern: str = ""
    tier: str = "Standard"
    data_type: str = "text"


parameters = Table("ssm.parameters", Parameter)
versions = Table("ssm.versions", Version)


def need(call: Call, name: str) -> Parameter:
    """The parameter called ``name``, or by its ARN."""
    parameter = find(call, name)
    if parameter is None:
        raise ParameterNotFound(f"Parameter {name} not found.")
    return parameter


def find(call: Call, name: str) -> Parameter | None:
    """The same, or None. An ARN does not tell whether the name begins with a slash."""
    plain = names.split(name)[0]
    found = parameters.get(call, plain)
    if found is None and name.startswith("arn:"):
        found = parameters.get(call, plain.removeprefix("/"))
    return found


def version_of(call: Call, parameter: Parameter, selector: str = "") -> Version:
    """The version that a selector chooses: a number, a label, or nothing for the newest."""
    number = parameter.version
    if selector:
        number = int(selector) if selector.isdigit() else parameter.labels.get(selector, 0)
    found = versions.get(call, parameter.name, number) if number < 1 << 62 else None
    if found is None:
        what = "version" if selector.isdigit() else "label"
        raise ParameterVersionNotFound(
            f"Systems Manager could not find {what} {selector} of {parameter.name}. "
            f"Verify the {what} and try again."
        )
    return found


def shown(
    call: Call, parameter: Parameter, version: Version, decrypted: bool, selector: str = ""
) -> dict[str, Any]:
    """A version as GetParameter shows it."""
    found: dict[str, Any] = {
        "Name": parameter.name, "Type": version.type, "Value": value_of(version, decrypted),
        "Version": version.number, "LastModifiedDate": version.modified_ms / 1000,
        "ARN": call.arn(names.arn_resource(parameter.name), "ssm"), "DataType": version.data_type}
    return found | ({"Selector": f":{selector}"} if selector else {})


def described(call: Call, parameter: Parameter, version: Version) -> dict[str, Any]:
    """A version without its value."""
    found: dict[str, Any] = {
        "Name": parameter.name, "Type": version.type, "Version": version.number, "Tier": version.tier,
        "LastModifiedDate": version.modified_ms / 1000, "LastModifiedUser": version.user, "Policies": [],
        "DataType": version.data_type, "ARN": call.arn(names.arn_resource(parameter.name), "ssm")}
    extras = {
        "KeyId": version.key_id,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
    }
    return found | {name: value for name, value in extras.items() if value}


def value_of(version: Version, decrypted: bool) -> str:
    """The value, or what is shown in its place."""
    return version.cipher if version.type == "SecureString" and not decrypted else version.value

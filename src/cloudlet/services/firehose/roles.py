"""Roles: on whose behalf a stream reads, transforms and writes.

A role that exists must let Firehose in, as on AWS. One that does not exist stands for the account itself: an
application can be tried before its roles are.
"""

from ...arn import Arn
from ...errors import AwsError
from ...identity import Principal, root, service_principal
from ...kernel import Call
from .errors import InvalidArgumentException

_SESSION = "AWSFirehoseToS3"


def check(call: Call, role: str) -> None:
    """Refuse a role that exists and does not let Firehose assume it."""
    if acting(call, role).kind == "root":
        return
    try:
        call.invoke("sts", "AssumeRole", as_principal=service_principal("firehose", call.account),
                    account=Arn.parse(role).account, RoleArn=role, RoleSessionName=_SESSION,
                    ExternalId=call.account, DurationSeconds=900)
    except AwsError:
        raise InvalidArgumentException(
            f"Firehose is unable to assume role {role}. Please check the role provided.") from None


def acting(call: Call, role: str) -> Principal:
    """Who acts with that role; the account itself, where there is no such role."""
    arn = Arn.parse(role)
    try:
        found = call.invoke("iam", "GetRole", as_principal=root(arn.account), account=arn.account,
                            RoleName=role.rpartition("/")[2])["Role"]
    except AwsError:
        return root(arn.account)
    if found["Arn"] != role:
        return root(arn.account)
    session = f"arn:aws:sts::{arn.account}:assumed-role/{found['RoleName']}/{_SESSION}"
    return Principal(arn.account, session, "role", f"{found['RoleId']}:{_SESSION}", role_arn=role)

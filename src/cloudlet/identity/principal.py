"""Principals: on whose behalf a request is made."""

from functools import lru_cache
from typing import Literal

import msgspec

Kind = Literal["root", "user", "role", "federated", "service", "anonymous"]


class Principal(msgspec.Struct, frozen=True):
    """One who asks. ``arn`` is as ``sts:GetCallerIdentity`` gives it, for a service its host name."""

    account: str
    arn: str
    kind: Kind
    id: str = ""  # the unique id: AIDA… of a user, AROA…:session of a role's session, the account of its root
    access_key: str = ""
    role_arn: str = ""  # of a role's session: the role itself
    source_arn: str = ""  # of a service: the resource on whose behalf it acts, where there is one


def root(account: str, access_key: str = "") -> Principal:
    """The account itself, which may do everything in it."""
    return Principal(account, f"arn:aws:iam::{account}:root", "root", account, access_key)


@lru_cache(maxsize=4096)
def service_principal(service: str, account: str, source_arn: str = "") -> Principal:
    """A service of the cloud acting of its own, as ``s3.amazonaws.com`` does for a bucket's notification."""
    return Principal(account, f"{service}.amazonaws.com", "service", source_arn=source_arn)


ANONYMOUS = Principal("anonymous", "*", "anonymous")

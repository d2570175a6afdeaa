"""Access control lists: canned ones, those in headers, and those in documents.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
"""

import re
from typing import Any

from ...kernel import Call
from . import errors
from .limits import GRANTS_LIMIT
from .nouns import Bucket, Grant
from .owners import canonical_id, is_canonical_id, named, owner

ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
PUBLIC = (ALL, AUTHENTICATED)
_GROUPS = (ALL, AUTHENTICATED, LOGS)
_PERMISSIONS = ("FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP")
_CANNED: dict[str, list[Grant]] = {
    "private": [],
    "public-read": [(ALL, "READ")],
    "public-read-write": [(ALL, "READ"), (ALL, "WRITE")],
    "authenticated-read": [(AUTHENTICATED, "READ")],
    "aws-exec-read": [],
    "bucket-owner-read": [],
    "bucket-owner-full-control": [],
    "log-delivery-write": [(LOGS, "WRITE"), (LOGS, "READ_ACP")],
}
_OBJECTS = frozenset(_CANNED) - {"log-delivery-write"}
_BUCKETS = frozenset(_CANNED) - {"bucket-owner-read", "bucket-owner-full-control"}
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]*)"?\s*')


def private(account: str) -> list[Grant]:
    """The owner's own grant."""
    return [(canonical_id(account), "FULL_CONTROL")]


def canned(name: str, account: str, bucket: Bucket | None) -> list[Grant]:
    """What a canned ACL grants; ``bucket`` is the object's, None for a bucket's own."""
    if name not in (_OBJECTS if bucket else _BUCKETS):
        raise errors.InvalidArgument("", ArgumentName="x-amz-acl", ArgumentValue=name)
    grants = private(account) + _CANNED[name]
    if bucket and bucket.account != account and name.startswith("bucket-owner"):
        grants.append((canonical_id(bucket.account), "READ" if name.endswith("read") else "FULL_CONTROL"))
    return grants


def of_headers(acl: str | None, headers: dict[str, str | None], account: str,
               bucket: Bucket | None) -> list[Grant] | None:
    """The grants that a request's headers ask for, by permission; None if they ask for none."""
    given = {permission: text for permission, text in headers.items() if text}
    if acl and given:
        raise errors.InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if acl:
        return canned(acl, account, bucket)
    if not given:
        return None
    grants: list[Grant] = []
    for permission, text in given.items():
        for part in text.split(","):
            match = _GRANTEE.fullmatch(part)
            if not match:
                raise errors.InvalidArgument("Argument format not recognized")
            grants.append((_grantee(match[1], match[2]), permission))
    return grants


def of_document(policy: dict[str, Any]) -> list[Grant]:
    """The grants of an AccessControlPolicy."""
    if "Owner" not in policy or "ID" not in policy["Owner"]:
        raise errors.MalformedACLError
    grants: list[Grant] = []
    for grant in policy.get("Grants") or ():
        grantee, permission = grant.get("Grantee") or {}, grant.get("Permission")
        if permission not in _PERMISSIONS:
            raise errors.MalformedACLError
        for kind, name in (("id", "ID"), ("uri", "URI"), ("emailAddress", "EmailAddress")):
            if grantee.get(name):
                grants.append((_grantee(kind, grantee[name]), permission))
                break
        else:
            raise errors.MalformedACLError
    if len(grants) > GRANTS_LIMIT:
        raise errors.InvalidArgument(f"An ACL can have at most {GRANTS_LIMIT} grants.")
    return grants


def document(call: Call, grants: list[Grant], account: str) -> dict[str, Any]:
    """Grants as an answer shows them."""
    return {"Owner": owner(call, account), "Grants": [
        {"Grantee": {"URI": who, "Type": "Group"} if who in _GROUPS else
         {**named(call, who), "Type": "CanonicalUser"},
         "Permission": permission} for who, permission in grants]}


def is_public(grants: list[Grant]) -> bool:
    """Whether anyone outside is granted something."""
    return any(who in PUBLIC for who, _ in grants)


def lets_logs_in(bucket: Bucket) -> bool:
    """Whether access logs may be delivered to the bucket by its grants."""
    return not bucket.acls_disabled and any(who == LOGS and given in ("WRITE", "FULL_CONTROL")
                                            for who, given in bucket.grants)


def allow(grants: list[Grant], permission: str, account: str | None, *, ignore_public: bool) -> bool:
    """Whether ``grants`` give ``permission`` to an account; None is nobody in particular."""
    whos = set() if ignore_public else {ALL}
    if account is not None:
        whos.add(canonical_id(account))
        if not ignore_public:
            whos.add(AUTHENTICATED)
    return any(who in whos and given in (permission, "FULL_CONTROL") for who, given in grants)


def _grantee(kind: str, value: str) -> str:
    if kind == "uri":
        if value not in _GROUPS:
            raise errors.InvalidArgument("Invalid group uri", ArgumentName="uri", ArgumentValue=value)
    elif kind == "id":
        if not is_canonical_id(value):
            raise errors.InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=value)
    else:
        raise errors.UnresolvableGrantByEmailAddress  # accounts here have no addresses
    return value

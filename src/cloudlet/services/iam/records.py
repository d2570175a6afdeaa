"""IAM's nouns: users, groups, roles, managed policies, instance profiles.

One record holds an entity whole, its inline policies and attachments included: they are bounded by
quotas, and whoever evaluates permissions reads one row per entity. Names are unique regardless of case,
so keys are in lower case.
"""

import base64
from typing import Any

import msgspec

from ...ids import BASE32, Ids
from ...kernel import Call
from ...kernel.permissions import BELL
from ...store import Scope, Table

_ACCOUNT_SHIFT = 7


class User(msgspec.Struct):
    """A user. ``inline`` maps names to documents, ``attached`` lists policies' ARNs."""

    name: str
    id: str
    path: str
    created_s: int
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: list[str] = []
    boundary: str = ""
    groups: list[str] = []  # keys of groups
    keys: list[str] = []  # ids of access keys


class Group(msgspec.Struct):
    """A group; its members know it."""

    name: str
    id: str
    path: str
    created_s: int
    inline: dict[str, str] = {}
    attached: list[str] = []


class Role(msgspec.Struct):
    """A role; ``trust`` says who may assume it."""

    name: str
    id: str
    path: str
    created_s: int
    trust: str
    description: str | None = None
    max_session_s: int = 3600
    tags: dict[str, str] = {}
    inline: dict[str, str] = {}
    attached: list[str] = []
    boundary: str = ""
    profiles: list[str] = []  # keys of instance profiles


class Version(msgspec.Struct):
    """One version of a managed policy."""

    number: int
    document: str
    created_s: int


class ManagedPolicy(msgspec.Struct):
    """A customer's managed policy. ``versions`` are in the order of their creation."""

    name: str
    id: str
    path: str
    created_s: int
    updated_s: int
    versions: list[Version]
    default: int = 1
    latest: int = 1
    description: str | None = None
    tags: dict[str, str] = {}


class InstanceProfile(msgspec.Struct):
    """An instance profile; ``roles`` holds at most one key."""

    name: str
    id: str
    path: str
    created_s: int
    roles: list[str] = []
    tags: dict[str, str] = {}


class AccessKey(msgspec.Struct):
    """One of a user's access keys; its secret is in the kernel's keyring."""

    id: str
    user: str  # the user's key
    created_s: int
    active: bool = True


class Use(msgspec.Struct):
    """That an entity uses a managed policy: attached to it, or as its boundary."""

    kind: str
    name: str


class Membership(msgspec.Struct):
    """That a user is in a group."""

    user: str


class Counts(msgspec.Struct):
    """How many entities of each kind an account has."""

    of: dict[str, int] = {}


Entity = User | Group | Role
Record = User | Group | Role | ManagedPolicy | InstanceProfile

users = Table("iam.users", User, reach="account")
groups = Table("iam.groups", Group, reach="account")
roles = Table("iam.roles", Role, reach="account")
policies = Table("iam.policies", ManagedPolicy, reach="account")
profiles = Table("iam.profiles", InstanceProfile, reach="account")
access_keys = Table("iam.keys", AccessKey, reach="account")
members = Table("iam.members", Membership, reach="account")  # by group and user
uses = Table("iam.uses", Use, reach="account")  # by policy's ARN, way of use, kind and entity
counts = Table("iam.counts", Counts, reach="account")

_TABLES: dict[type, Table[Any]] = {User: users, Group: groups, Role: roles, ManagedPolicy: policies,
                                   InstanceProfile: profiles}
NOUNS: dict[type, str] = {User: "user", Group: "group", Role: "role", ManagedPolicy: "policy",
                          InstanceProfile: "instance-profile"}
COUNTED = {noun: _TABLES[kind] for kind, noun in NOUNS.items()}
_UNIQUE_IDS = {"user": "AIDA", "group": "AGPA", "role": "AROA", "policy": "ANPA", "instance-profile": "AIPA"}


def key_of(name: str) -> str:
    """The key of what is called ``name``."""
    return name.lower()


def save(call: Call, record: Record) -> None:
    """Keep a new or changed entity, and let those know who keep permissions in memory."""
    _TABLES[type(record)].put(call, key_of(record.name), record=record)
    call.tx.ring(BELL)


def remove(call: Call, record: Record) -> None:
    """Forget an entity."""
    _TABLES[type(record)].delete(call, key_of(record.name))
    count(call, NOUNS[type(record)], -1)
    call.tx.ring(BELL)


def count(call: Call, noun: str, by: int = 0) -> int:
    """How many of ``noun`` there are, after ``by`` more of them."""
    record = counts.get(call, "") or Counts()
    number = record.of.get(noun, 0) + by
    if by:
        record.of[noun] = number
        counts.put(call, "", record=record)
    return number


def arn_of(scope: Scope, record: Record) -> str:
    """The ARN of an entity in the account of ``scope``."""
    return f"arn:aws:iam::{scope.account}:{NOUNS[type(record)]}{record.path}{record.name}"


def unique_id(call: Call, noun: str) -> str:
    """A new unique id, such as ``AIDA…`` of a user: 21 characters."""
    return _UNIQUE_IDS[noun] + identifier(call.ids, call.account) + call.ids.text(1, BASE32)


def identifier(ids: Ids, account: str) -> str:
    """The 16 characters of an access key after its prefix; they hold the account, as AWS's do."""
    number = 1 << 47 | (int(account) if account.isdigit() else 0) << _ACCOUNT_SHIFT
    raw = number.to_bytes(6, "big") + ids.bytes(4)
    return base64.b32encode(raw).decode()

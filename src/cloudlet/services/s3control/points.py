"""Access points: other names of a bucket, each with a policy and blocks of its own.

All of them are in one table for the whole cloudlet, for S3 must find a point by its alias alone, and those
of a bucket whoever's they are.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ...identity.principal import service_principal
from ...kernel import Call
from ...kernel.permissions import is_outsider
from ...store import Table
from . import errors
from .limits import PAGE_LIMIT
from .service import s3control
from .tags import TagList, checked, of_list

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_TAKEN = ("-s3alias", "--ol-s3", "--xa-s3")  # endings of other names
ALIAS = "-s3alias"
_ALIAS_NAME, _ALIAS_DRAWN = 20, 34  # characters of the name in an alias, and of what tells it from others
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


class Point(msgspec.Struct, omit_defaults=True):
    """An access point."""

    bucket: str
    bucket_account: str
    alias: str
    created_ms: int
    blocks: dict[str, bool]
    policy: str = ""
    tags: dict[str, str] = {}


points = Table("s3control.points", Point, reach="global", indexes={  # (account, region, name)
    "alias": lambda point: (point.alias,), "bucket": lambda point: (point.bucket,)})
Key = tuple[str, str, str]


@s3control.operation
def create_access_point(call: Call, account_id: str, name: str, bucket: str,
                        public_access_block_configuration: dict[str, Any] | None = None,
                        bucket_account_id: str = "", tags: TagList | None = None) -> dict[str, Any]:
    """A new access point; without word of them, it has all blocks of public access."""
    check_account(call, account_id)
    own_tags = checked(of_list(tags or []))
    if not _NAME.fullmatch(name) or name.endswith(_TAKEN):
        raise errors.InvalidURI(URI=f"accesspoint/{name}")
    owner = bucket_account_id or account_id
    there = call.invoke("s3", "HeadBucket", as_principal=service_principal("s3", account_id), Bucket=bucket,
                        ExpectedBucketOwner=owner)
    if there["BucketArn"] != f"arn:aws:s3:::{bucket}":
        raise errors.InvalidRequest(f"{bucket} is an access point itself, not a bucket.")
    if there["BucketRegion"] != call.region:
        raise errors.InvalidRequest(f"The bucket {bucket} is in {there['BucketRegion']}; its access points "
                                    "must be there too.")
    if points.get(call, account_id, call.region, name) is not None:
        raise errors.AccessPointAlreadyOwnedByYou
    given = public_access_block_configuration
    blocks = {block: True if given is None else bool(given.get(block)) for block in BLOCKS}
    alias = f"{name[:_ALIAS_NAME]}-{call.ids.hex(_ALIAS_DRAWN)}{ALIAS}"
    points.put(call, account_id, call.region, name, record=Point(
        bucket, owner, alias, call.now_ms, blocks, tags=own_tags))
    return {"AccessPointArn": arn_of((account_id, call.region, name)), "Alias": alias}


@s3control.operation
def get_access_point(call: Call, account_id: str, name: str) -> dict[str, Any]:
    """An access point, by its name or its alias."""
    key, point = find_point(call, account_id, name)
    return _shown(key, point) | {"PublicAccessBlockConfiguration": point.blocks,
                                 "CreationDate": point.created_ms / 1000}


@s3control.operation
def list_access_points(call: Call, account_id: str, bucket: str = "", next_token: str = "",
                       max_results: int = PAGE_LIMIT) -> dict[str, Any]:
    """The account's access points here, by name; or those of a bucket."""
    check_account(call, account_id)
    here = (account_id, call.region)
    rows: Iterator[tuple[tuple[Any, ...], Point]]
    if bucket:
        rows = ((key, point) for key, point in points.find(call, "bucket", bucket)
                if key[:2] == here and str(key[2]) > next_token)
    else:
        rows = points.items(call, *here, after=(*here, next_token) if next_token else None,
                            limit=max_results + 1)
    shown: list[dict[str, Any]] = []
    for key, point in rows:
        if len(shown) == max_results:
            return {"AccessPointList": shown, "NextToken": shown[-1]["Name"] if shown else None}
        shown.append(_shown(_key(key), point))
    return {"AccessPointList": shown}


@s3control.operation
def delete_access_point(call: Call, account_id: str, name: str) -> None:
    """The access point is no more; its bucket stays as it is."""
    key, _ = find_point(call, account_id, name)
    points.delete(call, *key)


def check_account(call: Call, account: str) -> None:
    """Refuse one who speaks for an account that is not its own; S3 itself speaks for all."""
    if account != call.account or (is_outsider(call) and call.principal.kind != "service"):
        raise errors.AccessDenied


def find_point(call: Call, account: str, name: str) -> tuple[Key, Point]:
    """The access point of that name or alias, and the key it is kept under."""
    check_account(call, account)
    if name.endswith(ALIAS):
        for found, point in points.find(call, "alias", name):
            if found[0] == account or call.principal.kind == "service":
                return _key(found), point
    else:
        there = points.get(call, account, call.region, name)
        if there is not None:
            return (account, call.region, name), there
    raise errors.NoSuchAccessPoint(AccessPointName=name)


def arn_of(key: Key) -> str:
    """The ARN of an access point."""
    account, region, name = key
    return f"arn:aws:s3:{region}:{account}:accesspoint/{name}"


def _key(key: tuple[Any, ...]) -> Key:
    account, region, name = map(str, key)
    return account, region, name


def _shown(key: Key, point: Point) -> dict[str, Any]:
    return {"Name": key[2], "NetworkOrigin": "Internet", "Bucket": point.bucket,
            "AccessPointArn": arn_of(key), "Alias": point.alias, "BucketAccountId": point.bucket_account}

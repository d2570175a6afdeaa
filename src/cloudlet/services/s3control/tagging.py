"""The tags of access points, and of buckets: S3 keeps the latter, and decides who may see and change them."""

from collections.abc import Callable
from typing import Any

from ...arn import Arn
from ...errors import AwsError
from ...kernel import Call
from . import errors
from .points import check_account, find_point, points
from .service import s3control
from .tags import TagList, checked, of_list, shown

_BUCKET, _POINT = "arn:aws:s3:::", "accesspoint/"


@s3control.operation
def tag_resource(call: Call, account_id: str, resource_arn: str, tags: TagList) -> None:
    """Give an access point or a bucket these tags beside those it has."""
    new = of_list(tags)
    _change(call, account_id, resource_arn, lambda had: had | new)


@s3control.operation
def untag_resource(call: Call, account_id: str, resource_arn: str, tag_keys: list[str]) -> None:
    """Take these tags from an access point or a bucket."""
    _change(call, account_id, resource_arn,
            lambda had: {key: value for key, value in had.items() if key not in tag_keys})


@s3control.operation
def list_tags_for_resource(call: Call, account_id: str, resource_arn: str) -> dict[str, Any]:
    """The tags of an access point or a bucket."""
    check_account(call, account_id)
    if resource_arn.startswith(_BUCKET):
        return {"Tags": shown(_of_bucket(call, account_id, resource_arn.removeprefix(_BUCKET)))}
    return {"Tags": shown(find_point(call, account_id, _name(call, resource_arn))[1].tags)}


def _change(call: Call, account: str, arn: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    check_account(call, account)
    if arn.startswith(_BUCKET):
        bucket = arn.removeprefix(_BUCKET)
        wanted = change(_of_bucket(call, account, bucket))
        call.invoke("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": shown(wanted)},
                    ExpectedBucketOwner=account)
        return
    key, point = find_point(call, account, _name(call, arn))
    point.tags = checked(change(point.tags))
    points.put(call, *key, record=point)


def _of_bucket(call: Call, account: str, bucket: str) -> dict[str, str]:
    try:
        found = call.invoke("s3", "GetBucketTagging", Bucket=bucket, ExpectedBucketOwner=account)
    except AwsError as error:
        if error.code != "NoSuchTagSet":
            raise
        return {}
    return of_list(found["TagSet"])


def _name(call: Call, text: str) -> str:
    """The name of the access point here that an ARN means."""
    arn = Arn.parse(text)
    here = ("s3", call.region, call.account)
    if (arn.service, arn.region, arn.account) != here or not arn.resource.startswith(_POINT):
        raise errors.InvalidRequest(f"{text} is no ARN of a bucket, or of an access point of this account "
                                    "and region.")
    return arn.resource.removeprefix(_POINT)

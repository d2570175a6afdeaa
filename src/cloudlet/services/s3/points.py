"""Access points, as requests come through them: by ARN, by alias, or as ``NAME-ACCOUNT`` in a host name.

S3's control plane keeps them. S3 reads them by its operations, in the transaction of the request that came
through one, so a point that was deleted or closed lets nothing more through.
"""

import re

import msgspec

from ...errors import AwsError
from ...identity.principal import service_principal
from ...kernel import Call
from . import errors

_ARN = re.compile(r"arn:aws:s3:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):accesspoint[/:](?P<name>[^/:]+)")
_HOST = re.compile(r"(?P<name>[a-z0-9-]{3,50})-(?P<account>\d{12})")
ALIAS = "-s3alias"
_SETTINGS = frozenset((  # what can be asked of a bucket through an access point, beside its objects
    "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketAcl",
    "s3:GetBucketCORS", "s3:GetBucketLocation", "s3:GetBucketNotification", "s3:GetBucketPolicy"))


class Point(msgspec.Struct):
    """The access point that a request came through."""

    bucket: str
    bucket_account: str
    arn: str
    account: str
    blocks: dict[str, bool]
    policy: str
    tags: dict[str, str]

    def resource(self, key: str | None) -> str:
        """What its policy calls the bucket, or an object in it."""
        return self.arn if key is None else f"{self.arn}/object/{key}"

    def conditions(self) -> dict[str, str]:
        """What policies may ask about it."""
        return {"s3:DataAccessPointArn": self.arn, "s3:DataAccessPointAccount": self.account,
                "s3:AccessPointNetworkOrigin": "Internet",
                **{f"s3:AccessPointTag/{name}": value for name, value in self.tags.items()}}

    def check(self, action: str, key: str | None) -> None:
        """Refuse what can't be done through any access point."""
        if key is None and action not in _SETTINGS:
            raise errors.MethodNotAllowed


def find_point(call: Call, name: str) -> Point | None:
    """The access point that stands where a bucket's name would, if there is one."""
    match = _ARN.fullmatch(name)
    if match:
        found = _ask(call, match["account"], match["region"], match["name"])
        if found is None:
            raise errors.NoSuchAccessPoint(AccessPointName=match["name"])
        return found
    if name.endswith(ALIAS):
        return _ask(call, call.account, call.region, name)
    match = _HOST.fullmatch(name)
    return _ask(call, match["account"], call.region, match["name"]) if match else None


def are_attached(call: Call, bucket: str, account: str, region: str) -> bool:
    """Whether the account that owns a bucket has access points to it."""
    me = service_principal("s3", account)
    found = call.invoke("s3control", "ListAccessPoints", as_principal=me, account=account, region=region,
                        AccountId=account, Bucket=bucket, MaxResults=1)
    return bool(found["AccessPointList"])


def source_of(text: str) -> tuple[str, str]:
    """The bucket and the key in a copy's source: ``bucket/key``, or ``ARN/object/key``.

    >>> source_of("arn:aws:s3:us-east-1:000000000000:accesspoint/one/object/a/b")
    ('arn:aws:s3:us-east-1:000000000000:accesspoint/one', 'a/b')
    >>> source_of("/pictures/a/b")
    ('pictures', 'a/b')
    """
    point, mark, key = text.partition("/object/")
    if mark and _ARN.fullmatch(point):
        return point, key
    bucket, _, key = text.removeprefix("/").partition("/")
    return bucket, key


def _ask(call: Call, account: str, region: str, name: str) -> Point | None:
    me = service_principal("s3", account)
    try:
        shown = call.invoke("s3control", "GetAccessPoint", as_principal=me, account=account, region=region,
                            AccountId=account, Name=name)
    except AwsError as error:
        if error.code == "NoSuchAccessPoint":
            return None
        raise
    arn = str(shown["AccessPointArn"])
    _, _, _, region, owner, _ = arn.split(":")
    try:
        policy = call.invoke("s3control", "GetAccessPointPolicy", as_principal=me, account=owner,
                             region=region, AccountId=owner, Name=shown["Name"])["Policy"]
    except AwsError as error:
        if error.code != "NoSuchAccessPointPolicy":
            raise
        policy = ""
    tags = call.invoke("s3control", "ListTagsForResource", as_principal=me, account=owner, region=region,
                       AccountId=owner, ResourceArn=arn)["Tags"]
    return Point(shown["Bucket"], shown["BucketAccountId"], arn, owner,
                 shown["PublicAccessBlockConfiguration"], policy,
                 {tag["Key"]: tag["Value"] for tag in tags})

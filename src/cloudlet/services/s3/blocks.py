"""The blocks of public access: the bucket's, its access point's and its account's; the strictest counts.

The account's are kept by S3's control plane, and asked for only where a request would be let in, or
something set, that they could forbid: by public grants, or by a public policy.
"""

from ...errors import AwsError
from ...identity.principal import service_principal
from ...kernel import Call
from .nouns import Bucket


def blocked(call: Call, bucket: Bucket, block: str) -> bool:
    """Whether that public access to a bucket is blocked, such as ``IgnorePublicAcls``."""
    if (bucket.blocks and bucket.blocks.get(block)) or (bucket.point and bucket.point.blocks.get(block)):
        return True
    return of_account(call, bucket.account, block)


def of_account(call: Call, account: str, block: str) -> bool:
    """Whether that public access is blocked for a whole account."""
    try:
        found = call.invoke("s3control", "GetPublicAccessBlock", account=account, AccountId=account,
                            as_principal=service_principal("s3", account))
    except AwsError as error:
        if error.code != "NoSuchPublicAccessBlockConfiguration":
            raise
        return False
    return bool(found["PublicAccessBlockConfiguration"].get(block))

"""Presigned URLs of S3's old kind (Signature Version 2), which boto3 still makes unless it is told otherwise.

Everything else of that version is refused by name. The URL holds the moment at which it ends, not the one at
which it was made. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

import base64
import hmac
from urllib.parse import parse_qsl

from ..wire.http import Request

ALGORITHM = "AWS-HMAC-SHA1"
_SUBRESOURCES = frozenset((
    "accelerate", "acl", "cors", "defaultObjectAcl", "delete", "lifecycle", "location", "logging",
    "notification", "partNumber", "policy", "replication", "requestPayment", "restore", "tagging",
    "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    "response-cache-control", "response-content-disposition", "response-content-encoding",
    "response-content-language", "response-content-type", "response-expires"))


def string_to_sign(request: Request) -> str:
    """What is signed; ``request.path`` must begin with the bucket.

    Headers may stand in the query string, for that is where a client puts those it signed.
    """
    pairs = parse_qsl(request.query, keep_blank_values=True)
    headers = {**request.headers, **{name.lower(): value for name, value in pairs}}
    custom = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)
                     if name.startswith("x-amz-"))
    named = sorted(pair for pair in pairs if pair[0] in _SUBRESOURCES)
    resource = request.path + ("?" if named else "") + "&".join(
        f"{name}={value}" if value else name for name, value in named)
    return "\n".join((request.method, headers.get("content-md5", ""), headers.get("content-type", ""),
                      headers.get("expires", ""), custom + resource))


def sign(secret: str, text: str) -> str:
    """The signature of ``text``."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()

"""S3's old signatures (Signature Version 2): in a header, and in the URLs that boto3 still presigns.

Other services' of that version are refused by name. A URL holds the moment at which it ends, not the one
at which it was made. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

import base64
import hmac
from urllib.parse import parse_qsl

from ..wire.http import Request

ALGORITHM = "AWS-HMAC-SHA1"
_SUBRESOURCES = frozenset((
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle",
    "location", "logging", "metrics", "notification", "object-lock", "partNumber", "policy",
    "replication", "requestPayment", "response-cache-control", "response-content-disposition",
    "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
    "restore", "select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads",
    "versionId", "versioning", "versions", "website"))


def strings_to_sign(request: Request, *, in_url: bool) -> list[str]:
    """What may be signed; ``request.path`` must begin with the bucket.

    Of a bucket alone there are two, for boto3 signs a slash after its name that it does not send. Headers may
    stand in the query string of a presigned URL, for that is where a client puts those it signed. A header is
    signed with the date of the request, which may be among S3's own headers instead.
    """
    pairs, headers = parse_qsl(request.query, keep_blank_values=True), dict(request.headers)
    if in_url:
        headers |= {name.lower(): value for name, value in pairs}
        date = headers.get("expires", "")
    else:
        date = "" if "x-amz-date" in headers else headers.get("date", "")
    custom = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers)
                     if name.startswith("x-amz-"))
    named = sorted(pair for pair in pairs if pair[0] in _SUBRESOURCES)
    asked = ("?" if named else "") + "&".join(
        f"{name}={value}" if value else name for name, value in named)
    head = "\n".join((request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date,
                      custom))
    alone = "/" not in request.path[1:] and request.path != "/"
    return [f"{head}{path}{asked}" for path in (request.path, f"{request.path}/")[:1 + alone]]


def sign(secret: str, text: str) -> str:
    """The signature of ``text``."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()

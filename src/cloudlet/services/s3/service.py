"""The S3 service, and how its XML and its checks depart from the rule.

S3 does not hold requests against its model: a document that breaks its schema is MalformedXML, and
each header has words of its own. So only the shape of documents is checked here.
"""

from collections.abc import Mapping
from typing import Any

from ...errors import AwsError
from ...kernel import Service
from ...kernel.front import Front
from ...wire import validate
from ...wire.model import Dialect, OperationModel
from . import checksums, encryption, errors

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult", "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult", "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult", "GetBucketLocation": "LocationConstraint",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy", "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketCors": "CORSConfiguration", "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration", "GetBucketTagging": "Tagging", "GetObjectTagging": "Tagging",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketLogging": "BucketLoggingStatus", "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
}
_HARMLESS = {
    "*.ContentMD5": "a document is held against it before it is read",
    "*.ContentLength": "HTTP itself says how long a body is",
    "*.ChecksumAlgorithm": "the checksum itself names its algorithm, and is checked",
    "*.OptionalObjectAttributes": "the only one there is tells of restores from archives, and there are none",
    "CreateBucket.BucketNamespace": "only the global namespace exists, and it is the default",
}
_OWN_CHECKS = ("CreateBucket",
               "PutBucketNotificationConfiguration")  # they have words of their own for what is wrong


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """Hold the documents of a request against the schema."""
    if spec.input is None:
        return
    shape = spec.input.shape
    for name in shape.required:
        if params.get(name) is None:
            member = shape.members[name]
            if member.location is None:
                raise errors.MissingRequestBodyError
            raise errors.InvalidArgument(f"{member.wire} is missing.")
    payload = shape.payload if spec.name not in _OWN_CHECKS else None
    if payload and isinstance(params.get(payload), dict) and validate.violations(
            params[payload], shape.members[payload]):
        raise errors.MalformedXML


def _status(operation: str, result: Mapping[str, Any]) -> int | None:
    """A part of an object is answered with 206, a new policy with no content; the model knows neither."""
    if operation == "PutBucketPolicy":
        return 204
    if operation == "RestoreObject":
        return 200 if "RestoreOutputPath" in result else 202
    return 206 if "ContentRange" in result and operation in ("GetObject", "HeadObject") else None


def _unreadable(place: str, message: str) -> AwsError:
    """What S3 says of a value that can't be read."""
    if place == "path":
        return errors.InvalidURI()
    if place == "digest":
        return errors.BadDigest()
    return errors.MalformedXML() if place == "body" else errors.InvalidArgument(message)


s3 = Service("s3", harmless=_HARMLESS, check=_check, front=Front(unsigned=frozenset("*")), dialect=Dialect(
    roots=_ROOTS, unwrapped=frozenset({"GetBucketLocation"}), namespace=NAMESPACE, bare_errors=True,
    request_id_header="x-amz-request-id", timestamps="iso8601.000", status=_status, unreadable=_unreadable,
    headers=encryption.check_headers, intact=checksums.check_document))

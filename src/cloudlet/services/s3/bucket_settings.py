"""How a bucket behaves: versioning, encryption, Object Lock, CORS and who pays."""

from typing import Any

from ...kernel import Call
from . import access, cors, encryption, errors, locks, notifications, versions
from .names import check_key
from .nouns import REQUESTER_PAYS, buckets, charged, configuration, configure, find_bucket
from .reading import find_object
from .service import s3

_DEFAULT_ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": encryption.S3},
                                  "BucketKeyEnabled": False}]}


@s3.operation
def put_bucket_versioning(call: Call, bucket: str, versioning_configuration: dict[str, Any],
                          expected_bucket_owner: str | None = None) -> None:
    """Keep versions from now on, or keep no further ones."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketVersioning")
    if versioning_configuration.get("MFADelete") == "Enabled":
        raise errors.InvalidRequest("MFA Delete needs a device, and no account here has one.")
    status = versioning_configuration.get("Status")
    if status is None:
        raise errors.IllegalVersioningConfigurationException
    if status == "Suspended" and found.locking:
        raise errors.InvalidBucketState("An Object Lock configuration is present on this bucket, so the "
                                        "versioning "
                                        "state cannot be changed.")
    found.versioning = status
    buckets.put(call, bucket, record=found)


@s3.operation
def get_bucket_versioning(call: Call, bucket: str,
                          expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Whether versions are kept; empty if they never were."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketVersioning")
    return {"Status": found.versioning} if found.versioning else {}


@s3.operation
def put_bucket_encryption(call: Call, bucket: str, server_side_encryption_configuration: dict[str, Any],
                          expected_bucket_owner: str | None = None) -> None:
    """Set how objects are encrypted by default, and whether customers may bring keys of their own."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutEncryptionConfiguration")
    rules = server_side_encryption_configuration["Rules"]
    if len(rules) != 1:
        raise errors.MalformedXML
    default = rules[0].setdefault("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": encryption.S3})
    encryption.check_method(default["SSEAlgorithm"])
    if default.get("KMSMasterKeyID"):
        if default["SSEAlgorithm"] != encryption.KMS:
            raise errors.InvalidArgument("a KMSMasterKeyID is not applicable if the default sse algorithm is "
                                         "not aws:kms or aws:kms:dsse")
        encryption.key_arn(call, found, default["KMSMasterKeyID"])
    configure(call, found, "encryption", server_side_encryption_configuration)


@s3.operation
def get_bucket_encryption(call: Call, bucket: str,
                          expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """How objects are encrypted by default."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetEncryptionConfiguration")
    return {"ServerSideEncryptionConfiguration": configuration(call, found, "encryption")
            or _DEFAULT_ENCRYPTION}


@s3.operation
def delete_bucket_encryption(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Encrypt as every bucket does."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutEncryptionConfiguration")
    configure(call, found, "encryption", None)


@s3.operation
def put_bucket_cors(call: Call, bucket: str, cors_configuration: dict[str, Any],
                    expected_bucket_owner: str | None = None) -> None:
    """Set which pages of other origins browsers may let in."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketCORS")
    cors.check(cors_configuration)
    configure(call, found, "cors", cors_configuration)


@s3.operation
def get_bucket_cors(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Which pages of other origins browsers may let in."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketCORS")
    held: dict[str, Any] | None = configuration(call, found, "cors")
    if held is None:
        raise errors.NoSuchCORSConfiguration(BucketName=bucket)
    return held


@s3.operation
def delete_bucket_cors(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Let in no page of another origin."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketCORS")
    configure(call, found, "cors", None)


@s3.operation
def put_object_lock_configuration(call: Call, bucket: str,
                                  object_lock_configuration: dict[str, Any] | None = None,
                                  expected_bucket_owner: str | None = None,
                                  request_payer: str | None = None) -> dict[str, Any]:
    """Set how long new versions are kept by default."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:PutBucketObjectLockConfiguration")
    if object_lock_configuration is None:
        raise errors.MissingRequestBodyError
    if found.versioning != "Enabled":
        raise errors.InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                                        "configuration")
    locks.check_configuration(object_lock_configuration)
    found.locking = True
    configure(call, found, "object-lock", object_lock_configuration)
    return charged(call, found)


@s3.operation
def get_object_lock_configuration(call: Call, bucket: str,
                                  expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """How long new versions are kept by default."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketObjectLockConfiguration")
    if not found.locking:
        raise errors.ObjectLockConfigurationNotFoundError(BucketName=bucket)
    held = configuration(call, found, "object-lock") or {"ObjectLockEnabled": "Enabled"}
    return {"ObjectLockConfiguration": held}


@s3.operation
def put_object_retention(call: Call, bucket: str, key: str, retention: dict[str, Any] | None = None,
                         version_id: str | None = None, bypass_governance_retention: bool | None = None,
                         expected_bucket_owner: str | None = None,
                         request_payer: str | None = None) -> dict[str, Any]:
    """Lock a version until a moment; a lock can be made longer, and only governance ones shorter."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    _need_locking(found.locking)
    obj = find_object(call, found, key, version_id, action="s3:PutObjectRetention")
    mode, until = (retention or {}).get("Mode"), (retention or {}).get("RetainUntilDate")
    if (mode is None) != (until is None):
        raise errors.MalformedXML
    locks.check_change(call, found, key, obj, mode, until, bypass_governance_retention)
    obj.lock_mode, obj.lock_until_ms = mode or "", int(until.timestamp() * 1000) if until else 0
    versions.update(call, found, check_key(key), obj)
    notifications.emit(call, found, "s3:ObjectRetention:Put", key, obj)
    return charged(call, found)


@s3.operation
def get_object_retention(call: Call, bucket: str, key: str, version_id: str | None = None,
                         expected_bucket_owner: str | None = None,
                         request_payer: str | None = None) -> dict[str, Any]:
    """Until when a version is locked."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    _need_locking(found.locking)
    obj = find_object(call, found, key, version_id, action="s3:GetObjectRetention")
    if not obj.lock_mode:
        raise errors.NoSuchObjectLockConfiguration
    return {"Retention": {"Mode": obj.lock_mode, "RetainUntilDate": obj.lock_until_ms / 1000}}


@s3.operation
def put_object_legal_hold(call: Call, bucket: str, key: str, legal_hold: dict[str, Any] | None = None,
                          version_id: str | None = None,
                          expected_bucket_owner: str | None = None,
                          request_payer: str | None = None) -> dict[str, Any]:
    """Hold a version, or release it."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    _need_locking(found.locking)
    obj = find_object(call, found, key, version_id, action="s3:PutObjectLegalHold")
    if (legal_hold or {}).get("Status") not in ("ON", "OFF"):
        raise errors.MalformedXML
    obj.legal_hold = (legal_hold or {})["Status"] == "ON"
    versions.update(call, found, check_key(key), obj)
    return charged(call, found)


@s3.operation
def get_object_legal_hold(call: Call, bucket: str, key: str, version_id: str | None = None,
                          expected_bucket_owner: str | None = None,
                          request_payer: str | None = None) -> dict[str, Any]:
    """Whether a version is held."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    _need_locking(found.locking)
    obj = find_object(call, found, key, version_id, action="s3:GetObjectLegalHold")
    return {"LegalHold": {"Status": "ON" if obj.legal_hold else "OFF"}}


@s3.operation
def get_bucket_request_payment(call: Call, bucket: str,
                               expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Who pays for requests."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketRequestPayment")
    return {"Payer": "Requester" if REQUESTER_PAYS in found.configured else "BucketOwner"}


@s3.operation
def put_bucket_request_payment(call: Call, bucket: str, request_payment_configuration: dict[str, Any],
                               expected_bucket_owner: str | None = None) -> None:
    """Set who pays for requests; nobody is billed, but others than the owner must say that they would pay."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketRequestPayment")
    payer = request_payment_configuration["Payer"]
    if payer not in ("BucketOwner", "Requester"):
        raise errors.MalformedXML
    configure(call, found, REQUESTER_PAYS, True if payer == "Requester" else None)


@s3.operation
def get_bucket_accelerate_configuration(call: Call, bucket: str,
                                        expected_bucket_owner: str | None = None,
                                        request_payer: str | None = None) -> dict[str, Any]:
    """Whether transfers are accelerated: they never were."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:GetAccelerateConfiguration")
    return {**charged(call, found)}


def _need_locking(locking: bool) -> None:
    if not locking:
        raise errors.InvalidRequest("Bucket is missing Object Lock Configuration")



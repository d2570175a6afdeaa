"""Who holds the key of an object: S3, the customer, or the account's keys of KMS.

A customer's key is never kept: it unwraps the object's own (see :mod:`.sealing`) or it does not. There is no
KMS here yet, so a key that a request names is made when it is first named, in the account and region of the
request; ``aws/s3`` is the one that stands in where none is named.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...kernel import Call
from ...store import Scope, Table
from . import errors, sealing
from .nouns import Bucket, Envelope, Object, configuration

S3, KMS = "AES256", "aws:kms"
_DEFAULT_KEY = "alias/aws/s3"
_KEY_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ALIAS = re.compile(r"alias/[A-Za-z0-9/_-]{1,250}")
_OF_CUSTOMERS = "Requests specifying Server Side Encryption with Customer provided keys must provide "
_UNLIKE = ("The multipart upload initiate requested encryption. Subsequent part requests must include the "
           "appropriate encryption parameters.")
_MISSING = ("The object was stored using a form of Server Side Encryption. The correct parameters must be "
            "provided to retrieve the object.")
_SENT_WITH_READS = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
_READS = ("GetObject", "HeadObject")


class MasterKey(msgspec.Struct):
    """A key of an account that wraps the keys of objects."""

    secret: bytes


class Alias(msgspec.Struct):
    """What an alias stands for."""

    key_arn: str


_keys = Table("s3.keys", MasterKey, reach="global")  # (ARN,)
_aliases = Table("s3.aliases", Alias)  # (alias,)


class CustomerKey(msgspec.Struct):
    """What a request says of a key that its sender keeps."""

    algorithm: str | None = None
    key: str | None = None
    md5: str | None = None

    def given(self) -> bool:
        """Whether it says anything."""
        return any(text is not None for text in (self.algorithm, self.key, self.md5))

    def secret(self) -> bytes:
        """The key itself, if all that is said of it agrees."""
        if self.algorithm is None:
            raise errors.InvalidArgument(f"{_OF_CUSTOMERS}a valid encryption algorithm.")
        if self.algorithm != S3:
            raise errors.InvalidEncryptionAlgorithmError(
                "The Encryption request you specified is not valid. Supported value: AES256.")
        if self.key is None:
            raise errors.InvalidArgument(f"{_OF_CUSTOMERS}an appropriate secret key.")
        if self.md5 is None:
            raise errors.InvalidArgument(f"{_OF_CUSTOMERS}the client calculated MD5 of the secret key.")
        try:
            raw = base64.b64decode(self.key, validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        if len(raw) != sealing.KEY_BYTES:
            raise errors.InvalidArgument("The secret key was invalid for the specified algorithm.",
                                         ArgumentName="x-amz-server-side-encryption-customer-key")
        if base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode() != self.md5:
            raise errors.InvalidArgument("The calculated MD5 hash of the key did not match the hash that was "
                                         "provided.",
                                         ArgumentName="x-amz-server-side-encryption-customer-key-MD5")
        return raw


class Asked(msgspec.Struct):
    """What a request says of how its object shall be encrypted."""

    method: str | None = None
    key_id: str | None = None
    context: str | None = None
    bucket_key: bool | None = None
    customer: CustomerKey = msgspec.field(default_factory=CustomerKey)

    def conditions(self) -> dict[str, Any]:
        """What policies may ask about it."""
        return {"s3:x-amz-server-side-encryption": self.method,
                "s3:x-amz-server-side-encryption-aws-kms-key-id": self.key_id,
                "s3:x-amz-server-side-encryption-customer-algorithm": self.customer.algorithm}

    def something(self) -> bool:
        """Whether it says anything."""
        return self.method is not None or self.customer.given()


def envelope(call: Call, bucket: Bucket, asked: Asked, secret: bytes) -> Envelope | None:
    """The envelope for an object's key, as the request or else its bucket asks; None if S3 keeps it."""
    rules = configuration(call, bucket, "encryption") or {}
    rule: dict[str, Any] = rules["Rules"][0] if rules else {}
    if asked.customer.given():
        if asked.method is not None:
            raise errors.InvalidArgument("Server Side Encryption with Customer provided key is incompatible "
                                         "with the encryption method specified",
                                         ArgumentName="x-amz-server-side-encryption",
                                         ArgumentValue=asked.method)
        if "SSE-C" in ((rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType") or ()):
            raise errors.AccessDenied
        master = asked.customer.secret()
        return Envelope(sealing.wrap(secret, master), customer_md5=str(asked.customer.md5))
    method, key_id = asked.method, asked.key_id
    check_method(method)
    if key_id is not None and method != KMS:
        raise errors.InvalidArgument("Server Side Encryption with AWS KMS managed key requires HTTP header "
                                     "x-amz-server-side-encryption : aws:kms",
                                     ArgumentName="x-amz-server-side-encryption",
                                     ArgumentValue=method or "null")
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    if method is None:
        method, key_id = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
    if method != KMS:
        return None
    _check_signed(call)
    _check_context(asked.context)
    arn = key_arn(call, bucket, key_id or _DEFAULT_KEY)
    wanted = asked.bucket_key if asked.bucket_key is not None else bool(rule.get("BucketKeyEnabled"))
    return Envelope(sealing.wrap(secret, _master(call, arn)), key_arn=arn, context=asked.context or "",
                    bucket_key=wanted)


def wrapped(call: Call, bucket: Bucket, secret: bytes, key: str, like: Envelope) -> Envelope:
    """The envelope of an object's key under another key of an account."""
    arn = key_arn(call, bucket, key)
    return Envelope(sealing.wrap(secret, _master(call, arn)), key_arn=arn, context=like.context,
                    bucket_key=like.bucket_key)


def check_method(method: str | None) -> None:
    """Refuse a kind of encryption that S3 does not have, or that is not had here."""
    if method in (None, S3, KMS):
        return
    if method in ("aws:kms:dsse", "aws:fsx"):
        raise NotHonoured(f"cloudlet does not encrypt objects with {method}, and refuses it rather than "
                          "ignore it.")
    raise errors.InvalidArgument("The encryption method specified is not supported",
                                 ArgumentName="x-amz-server-side-encryption", ArgumentValue=method)


def key_of(call: Call, envelope: Envelope | None, customer: CustomerKey, *,
           part: bool = False) -> bytes | None:
    """The key of an object, or of an upload's ``part``; None if it needs none."""
    if envelope is None or envelope.key_arn:
        if customer.given():
            raise errors.InvalidRequest("The encryption parameters are not applicable to this object.")
        return _of_account(call, envelope) if envelope else None
    if not customer.given():
        raise errors.InvalidRequest(_UNLIKE if part else _MISSING)
    secret = sealing.unwrap(envelope.wrapped, customer.secret())
    if secret is None:
        if part:
            raise errors.InvalidRequest("The provided encryption parameters did not match the ones used "
                                        "originally.")
        raise errors.AccessDenied(f"{_OF_CUSTOMERS}the correct secret key.")
    return secret


def opened(scope: Scope, envelope: Envelope) -> bytes | None:
    """The key of an object that an account's key wraps, whoever looks; None if a customer's does."""
    known = _keys.get(scope, envelope.key_arn) if envelope.key_arn else None
    return sealing.unwrap(envelope.wrapped, known.secret) if known else None


def shown(of: Envelope | None) -> dict[str, Any]:
    """How answers say it."""
    if of is None:
        return {"ServerSideEncryption": S3}
    if of.customer_md5:
        return {"SSECustomerAlgorithm": S3, "SSECustomerKeyMD5": of.customer_md5}
    return {"ServerSideEncryption": KMS, "SSEKMSKeyId": of.key_arn, "BucketKeyEnabled": of.bucket_key or None}


def etag(call: Call, obj: Object, md5: str) -> str:
    """An object's ETag: the MD5 of its bytes says too much of those that only a key's holder may know."""
    return call.ids.hex(len(md5)) if obj.envelope else md5


def key_arn(call: Call, bucket: Bucket, text: str) -> str:
    """The ARN of the key that ``text`` names: by its id, an alias or an ARN."""
    place = call.elsewhere(region=bucket.region, account=bucket.account if call.principal.kind in (
        "anonymous", "service") else call.account)
    if text.startswith("arn:"):
        try:
            arn = Arn.parse(text)
        except ValueError:
            arn = None
        if arn is None or arn.service != "kms" or arn.region != bucket.region:
            raise errors.InvalidArgument(f"Invalid arn {text}")
        if arn.account not in (place.account, bucket.account):
            raise errors.AccessDenied
        kind, _, name = arn.resource.partition("/")
        place, text = place.elsewhere(account=arn.account), name if kind == "key" else arn.resource
    if _ALIAS.fullmatch(text):
        known = _aliases.get(place, text)
        if known is None:
            known = Alias(place.arn(f"key/{call.ids.uuid()}", "kms"))
            _aliases.put(place, text, record=known)
        return known.key_arn
    if not _KEY_ID.fullmatch(text):
        raise KeyNotFound(f"Invalid keyId {text}")
    return place.arn(f"key/{text}", "kms")


def check_headers(operation: str, headers: Mapping[str, str]) -> None:
    """Refuse a read that says how its object is encrypted: only a customer's key is sent with reads."""
    if operation in _READS and any(name in headers for name in _SENT_WITH_READS):
        name = next(name for name in _SENT_WITH_READS if name in headers)
        raise errors.InvalidArgument(f"{name} header is not supported for this operation.", ArgumentName=name,
                                     ArgumentValue=headers[name])


class KeyNotFound(AwsError):
    """Invalid keyId"""

    @property
    def code(self) -> str:
        """As S3 calls what KMS tells it."""
        return "KMS.NotFoundException"


def _of_account(call: Call, envelope: Envelope) -> bytes | None:
    """The key of an object that an account's key wrapped, for those whom the account is."""
    _check_signed(call)
    if call.principal.kind != "service" and call.principal.account != Arn.parse(envelope.key_arn).account:
        raise errors.AccessDenied
    return sealing.unwrap(envelope.wrapped, _master(call, envelope.key_arn))


def _check_signed(call: Call) -> None:
    if call.principal.kind == "anonymous":
        raise errors.InvalidArgument("Requests specifying Server Side Encryption with AWS KMS managed keys "
                                     "require AWS Signature Version 4.")


def _master(call: Call, arn: str) -> bytes:
    """The account's key called ``arn``; one that nobody has made is made."""
    known = _keys.get(call, arn)
    if known is None:
        known = MasterKey(call.ids.bytes(sealing.KEY_BYTES))
        _keys.put(call, arn, record=known)
    return known.secret


def _check_context(text: str | None) -> None:
    """A context is base64 of a JSON mapping of texts."""
    if text is None:
        return
    try:
        found = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise errors.InvalidArgument("The header 'x-amz-server-side-encryption-context' shall be "
                                     "Base64-encoded UTF-8 string holding JSON with the encryption context "
                                     "key-value pairs", ArgumentName="x-amz-server-side-encryption-context",
                                     ArgumentValue=text)

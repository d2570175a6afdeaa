"""Who a request is from.

A key that was made here must have signed rightly. Whether a key nobody made is taken at its word, and a
request nobody signed is let in, :mod:`cloudlet.kernel.strangers` says. A function with a network of its
own is taken at no such word: it has a key, and must sign.
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NoReturn

import msgspec

from ..errors import AwsError, RequestEntityTooLarge
from ..identity import ANONYMOUS, Principal, sigv2
from ..identity import signature as sigv4
from ..identity.seal import Seal
from ..identity.signature import Signed
from ..kernel import Kernel, strangers
from ..kernel.credentials import Credential, Keyring
from ..wire import protocols
from ..wire.http import BodyStream, Request
from . import refusals
from .refusals import Style
from .routing import with_bucket_in_path

SKEW_MS = 15 * 60_000
LONGEST_PRESIGNED_S = 604_800  # a week
_BODY_LIMIT = 72 << 20
_HASH = re.compile(r"[0-9a-f]{64}")
_V2 = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
_V4A = "cloudlet does not verify Signature Version 4A (AWS4-ECDSA-P256-SHA256). Please use AWS4-HMAC-SHA256."


class Authenticator:
    """Knows the keys that were made here."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._keyring = Keyring(kernel.store)

    async def principal_of(self, request: Request, signed: Signed | None, service: str, *,
                           asks: bool = False) -> Principal:
        """The principal a request is from; an :class:`AwsError` if it isn't.

        A service that ``asks`` for itself is given nobody for a request that nobody signed.
        """
        if signed is None:
            self._refuse_unreadable(request, service)
            must = request.guest is not None or not (asks or strangers.are_believed(self._kernel))
            if must and not self._is_open(request, service):
                raise refusals.unsigned(self._style(service))
            return ANONYMOUS
        self._check_form(request, signed, service)
        credential = await self._keyring.find(signed.access_key)
        if credential is None:
            stranger = strangers.principal_of(self._kernel, signed.access_key, request.guest)
            if stranger is None:
                self._refuse_unknown(request, signed, self._style(service))
            return stranger
        await self._verify(request, signed, credential, self._style(service))
        now_ms = self._kernel.clock.now_ms()
        await self._keyring.used(credential, signed.service or service, signed.region, now_ms)
        return credential.principal

    async def visitor_of(self, request: Request, service: str) -> Principal:
        """The principal that a visitor of a service's site is; what was signed is the path as it was sent."""
        sent = msgspec.structs.replace(request, path=request.prefix + request.path)
        return await self.principal_of(sent, sigv4.claim_of(request), service)

    def _is_open(self, request: Request, service: str) -> bool:
        """Whether what is asked for may be asked for by nobody in particular."""
        found = self._kernel.services[service]
        if not found.front.unsigned or "*" in found.front.unsigned:
            return bool(found.front.unsigned)
        return protocols.wire_of(request, found.model).operation_name(request, found.model) in (
            found.front.unsigned)

    def _refuse_unknown(self, request: Request, signed: Signed, style: Style) -> NoReturn:
        """Say that nobody has the key; but for S3, AWS says first that it was signed too long ago."""
        if style != "s3" and not signed.presigned and sigv4.milliseconds(sigv4.moment_of(request, signed)):
            self._moment(request, signed, style)
        raise refusals.unknown_key(style, signed.access_key)

    def _check_form(self, request: Request, signed: Signed, service: str) -> None:
        """Refuse a claim that is not of a kind that can be proved, or a URL that is not good now."""
        old = signed.algorithm == sigv2.ALGORITHM
        if signed.algorithm != sigv4.ALGORITHM and not (old and service == "s3"):
            raise refusals.InvalidRequest(_V4A if "ECDSA" in signed.algorithm else _V2)
        if signed.presigned and old:
            self._check_end(request)
        elif signed.presigned:
            self._check_presigned(request, signed, self._style(service))

    def _style(self, service: str) -> Style:
        return refusals.style_of(self._kernel.services[service].model)

    def _refuse_unreadable(self, request: Request, service: str) -> None:
        """A claim in a form that can't be read is refused, and not taken for no claim."""
        header = request.headers.get("authorization", "")
        in_url = "AWSAccessKeyId=" in request.query and "Signature=" in request.query
        if header.startswith("AWS ") or in_url:
            raise self._unreadable_old(header, service)
        if header.startswith("AWS4-"):
            lacking = [name for name in ("Credential", "Signature", "SignedHeaders")
                       if f"{name}=" not in header]
            raise refusals.incomplete(self._style(service), " ".join(
                f"Authorization header requires '{name}' parameter." for name in lacking) or
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                "keyid/date/region/service/term.")
        if "X-Amz-Credential=" in request.query:
            raise refusals.AuthorizationQueryParametersError(
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".')

    def _unreadable_old(self, header: str, service: str) -> AwsError:
        if service != "s3":
            return refusals.InvalidRequest(_V2)
        if not header:
            return refusals.AccessDenied("Query-string authentication requires the Signature, Expires and "
                                         "AWSAccessKeyId parameters")
        return refusals.InvalidArgument(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            ArgumentName="Authorization", ArgumentValue=header)

    def _check_presigned(self, request: Request, signed: Signed, style: Style) -> None:
        """Whether the URL is good now. It ages on the cloudlet's clock, from what that showed when it was
        made."""
        fields = request.queries()
        text, made_ms = fields.get("X-Amz-Expires", ""), sigv4.milliseconds(fields.get("X-Amz-Date", ""))
        wrong = ("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"" if made_ms is None
                 else "X-Amz-Expires should be a number" if not re.fullmatch(r"-?\d{1,18}", text)
                 else "X-Amz-Expires must be non-negative" if int(text) < 0
                 else "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                      f"X-Amz-Expires must be less than {LONGEST_PRESIGNED_S} seconds"
                      if int(text) > LONGEST_PRESIGNED_S
                      else "")
        if wrong or made_ms is None:
            raise refusals.AuthorizationQueryParametersError(wrong)
        clock = self._kernel.clock
        machine_ms, now_ms = clock.machine_ms(), clock.now_ms()
        if made_ms > max(machine_ms, now_ms) + SKEW_MS:
            raise refusals.AccessDenied("Request is not yet valid")
        age_ms = now_ms - (made_ms if made_ms > machine_ms + SKEW_MS else clock.shown_at(made_ms))
        if age_ms > int(text) * 1000:
            if style != "s3":
                raise refusals.skewed(style, fields["X-Amz-Date"], _stamp(now_ms), late=True)
            raise refusals.AccessDenied("Request has expired", **{
                "X-Amz-Expires": text, "Expires": _stamp(now_ms - age_ms + int(text) * 1000),
                "ServerTime": _stamp(now_ms)})

    async def _verify(self, request: Request, signed: Signed, credential: Credential, style: Style) -> None:
        """Whether the request was signed with the secret, lately, and is what was signed."""
        if not credential.active:
            raise refusals.unknown_key(style, signed.access_key)
        if not hmac.compare_digest(signed.token.encode(), credential.token.encode()):
            raise refusals.bad_token(style, signed.access_key, signed.token)
        if credential.expires_ms and credential.expires_ms <= self._kernel.clock.now_ms():
            raise refusals.expired_token(style)
        if signed.algorithm == sigv2.ALGORITHM:
            if not signed.presigned:
                self._moment(request, signed, style)
            self._verify_old(request, signed, credential)
            return
        moment = self._moment(request, signed, style)
        self._check_scope(request, signed, moment, style)
        payload = await self._payload(request, signed, style)
        proof = sigv4.prove(request, signed, credential.secret, moment, payload,
                            plain=style == "s3")
        if not hmac.compare_digest(proof.signature.encode(), signed.signature.encode()):
            raise refusals.mismatch(style, signed.access_key, signed.signature, proof.canonical_request,
                                    proof.string_to_sign)
        if payload.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
            request.seal = Seal(proof.key, moment, signed.scope, proof.signature,
                                trailers=payload.endswith("-TRAILER"))
        elif request.stream is not None and _HASH.fullmatch(payload):
            request.stream = _Hashed(request.stream, payload)

    def _check_end(self, request: Request) -> None:
        """Whether a presigned URL of the old kind is good now; it says when it ends."""
        text, now_ms = request.queries().get("Expires", ""), self._kernel.clock.now_ms()
        if not re.fullmatch(r"\d{1,12}", text):
            raise refusals.AccessDenied(f"Invalid date (should be seconds since epoch): {text}")
        if int(text) * 1000 < now_ms:
            raise refusals.AccessDenied("Request has expired", Expires=_stamp(int(text) * 1000),
                                        ServerTime=_stamp(now_ms))

    def _verify_old(self, request: Request, signed: Signed, credential: Credential) -> None:
        shown = with_bucket_in_path(msgspec.structs.replace(request))
        texts = sigv2.strings_to_sign(shown, in_url=signed.presigned)
        right = [sigv2.sign(credential.secret, text).encode() for text in texts]
        if not any(hmac.compare_digest(one, signed.signature.encode()) for one in right):
            raise refusals.mismatch("s3", signed.access_key, signed.signature, "", texts[0])

    def _moment(self, request: Request, signed: Signed, style: Style) -> str:
        moment = sigv4.moment_of(request, signed)
        said_ms = sigv4.milliseconds(moment)
        if said_ms is None:
            if style == "s3":
                raise refusals.AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
            raise refusals.incomplete(style,
                                      "Authorization header requires existence of either a 'X-Amz-Date' or a "
                                             "'Date' header.")
        if not signed.presigned:
            clock = self._kernel.clock
            times = (clock.machine_ms(), clock.now_ms())
            if all(abs(said_ms - now_ms) > SKEW_MS for now_ms in times):
                raise refusals.skewed(style, moment, _stamp(times[0]), late=said_ms < times[0])
        return moment

    def _check_scope(self, request: Request, signed: Signed, moment: str, style: Style) -> None:
        if signed.terminator != "aws4_request":
            raise refusals.incomplete(style,
                                      "Credential should be scoped with a valid terminator: 'aws4_request', "
                                             f"not '{signed.terminator}'.")
        if signed.date != moment[:8]:
            raise refusals.incomplete(
                style, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
                       f"HTTP: '{signed.date}' != '{moment[:8]}', from '{moment}'.")
        if not {"host", sigv4.AUTHORITY} & set(signed.signed_headers):
            raise refusals.incomplete(style, "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
                                             "Authorization.")
        left_out = [name for name in request.headers
                    if name.startswith("x-amz-") and name not in signed.signed_headers]
        if style == "s3" and left_out:
            raise refusals.AccessDenied("There were headers present in the request which were not signed",
                                        HeadersNotSigned=", ".join(left_out))

    async def _payload(self, request: Request, signed: Signed, style: Style) -> str:
        """What stands for the body in the signature; a body that is here already must be what it says."""
        said = request.headers.get("x-amz-content-sha256", "")
        if style == "s3" and (signed.presigned or not said):
            if not signed.presigned:
                raise refusals.InvalidRequest(
                    "Missing required header for this request: x-amz-content-sha256")
            said = said or request.queries().get("X-Amz-Content-Sha256", "") or sigv4.UNSIGNED
        if said == sigv4.UNSIGNED or said.startswith("STREAMING-"):
            return said
        if request.stream is not None and said:
            return said
        if await request.read(_BODY_LIMIT) is None:
            raise RequestEntityTooLarge(f"The request's body is larger than {_BODY_LIMIT} bytes.")
        computed = hashlib.sha256(request.body).hexdigest()
        if said and said != computed and style == "s3":
            raise refusals.XAmzContentSHA256Mismatch(ClientComputedContentSHA256=said,
                                                     S3ComputedContentSHA256=computed)
        return computed


class _Hashed:
    """A body whose hash was signed; it is whole only if that is its hash."""

    def __init__(self, stream: BodyStream, expected: str) -> None:
        self._stream, self._expected = stream, expected

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for piece in self._stream:
            digest.update(piece)
            yield piece
        computed = digest.hexdigest()
        if computed != self._expected:
            raise refusals.XAmzContentSHA256Mismatch(ClientComputedContentSHA256=self._expected,
                                                     S3ComputedContentSHA256=computed)


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")

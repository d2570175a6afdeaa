"""How services say that they don't believe who a request is from.

S3, the query services and the JSON services each have words of their own for the same.
"""

from typing import Literal

from ..errors import AwsError
from ..wire.model import ServiceModel

Style = Literal["s3", "query", "json"]
_MISMATCH = "The request signature we calculated does not match the signature you provided."


def style_of(model: ServiceModel) -> Style:
    """Whose words a service uses."""
    if model.name == "s3":
        return "s3"
    return "query" if model.protocols[0] in ("query", "ec2", "rest-xml") else "json"


class RequestHeaderSectionTooLarge(AwsError):
    """Your request header and query parameters used to make the request exceed the maximum allowed size."""


class SignatureDoesNotMatch(AwsError):
    """The request signature we calculated does not match the signature you provided."""

    status = 403


class InvalidSignatureException(AwsError):
    """The request signature we calculated does not match the signature you provided."""

    status = 403


class InvalidClientTokenId(AwsError):
    """The security token included in the request is invalid."""

    status = 403


class UnrecognizedClientException(AwsError):
    """The security token included in the request is invalid."""


class MissingAuthenticationToken(AwsError):
    """Request is missing Authentication Token"""

    status = 403


class MissingAuthenticationTokenException(AwsError):
    """Missing Authentication Token"""

    status = 403


class InvalidAccessKeyId(AwsError):
    """The AWS Access Key Id you provided does not exist in our records."""

    status = 403


class InvalidToken(AwsError):
    """The provided token is malformed or otherwise invalid."""


class ExpiredToken(AwsError):
    """The security token included in the request is expired"""


class ExpiredTokenException(AwsError):
    """The security token included in the request is expired"""


class RequestTimeTooSkewed(AwsError):
    """The difference between the request time and the current time is too large."""

    status = 403


class IncompleteSignature(AwsError):
    """The request signature does not conform to AWS standards."""


class IncompleteSignatureException(AwsError):
    """The request signature does not conform to AWS standards."""


class AuthorizationHeaderMalformed(AwsError):
    """The authorization header that you provided is not valid."""


class AuthorizationQueryParametersError(AwsError):
    """The authorization query parameters that you provided are not valid."""


class XAmzContentSHA256Mismatch(AwsError):
    """The provided 'x-amz-content-sha256' header does not match what was computed."""


class AccessDenied(AwsError):
    """Access Denied"""

    status = 403


class InvalidArgument(AwsError):
    """Invalid Argument"""


class InvalidRequest(AwsError):
    """The request is not valid."""


def unsigned(style: Style) -> AwsError:
    """Nobody signed a request that somebody has to."""
    return MissingAuthenticationTokenException() if style == "json" else MissingAuthenticationToken()


def unknown_key(style: Style, access_key: str) -> AwsError:
    """Nobody has this key any more, or it is switched off."""
    if style == "s3":
        return InvalidAccessKeyId(AWSAccessKeyId=access_key)
    return InvalidClientTokenId() if style == "query" else UnrecognizedClientException()


def bad_token(style: Style, access_key: str, token: str) -> AwsError:
    """The session token is not the key's."""
    if style == "s3" and token:
        return InvalidToken(**{"Token-0": token})
    return unknown_key(style, access_key)


def expired_token(style: Style) -> AwsError:
    """The session is over."""
    if style == "s3":
        return ExpiredToken("The provided token has expired.")
    return ExpiredToken() if style == "query" else ExpiredTokenException()


def incomplete(style: Style, why: str) -> AwsError:
    """The claim is not one that can be checked."""
    if style == "s3":
        return AuthorizationHeaderMalformed(f"The authorization header is malformed; {why}")
    return (IncompleteSignature if style == "query" else IncompleteSignatureException)(why)


def mismatch(style: Style, access_key: str, provided: str, canonical: str, text: str) -> AwsError:
    """The signature is not what it should be; what it should be of is said, as AWS does."""
    if style == "s3":
        return SignatureDoesNotMatch(
            f"{_MISMATCH} Check your key and signing method.", AWSAccessKeyId=access_key, StringToSign=text,
            SignatureProvided=provided, CanonicalRequest=canonical)
    kind = SignatureDoesNotMatch if style == "query" else InvalidSignatureException
    return kind(
        f"{_MISMATCH} Check your AWS Secret Access Key and signing method. Consult the service documentation "
        f"for details.\n\nThe Canonical String for this request should have been\n'{canonical}'"
        f"\n\nThe String-to-Sign should have been\n'{text}'\n")


def skewed(style: Style, moment: str, now: str, *, late: bool) -> AwsError:
    """The request was signed too long ago, or is from the future."""
    if style == "s3":
        return RequestTimeTooSkewed(RequestTime=moment, ServerTime=now, MaxAllowedSkewMilliseconds=900_000)
    kind = SignatureDoesNotMatch if style == "query" else InvalidSignatureException
    if late:
        return kind(f"Signature expired: {moment} is now earlier than {now} (- 15 min.)")
    return kind(f"Signature not yet current: {moment} is still later than {now} (+ 15 min.)")

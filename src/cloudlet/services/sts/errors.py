"""What STS refuses."""

from ...errors import AwsError


class AccessDenied(AwsError):
    """Access denied"""

    status = 403


class MissingAuthenticationToken(AwsError):
    """Request is missing Authentication Token"""

    status = 403


class MalformedPolicyDocumentException(AwsError):
    """The request was rejected because the policy document was malformed."""


class PackedPolicyTooLargeException(AwsError):
    """The total packed size of the session policies and session tags combined was too large."""


class InvalidAuthorizationMessageException(AwsError):
    """Message is not valid"""

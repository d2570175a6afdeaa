"""What S3's control plane answers when it can't do what it was asked."""

from ...errors import AwsError


class AccessDenied(AwsError):
    """Access Denied"""

    status = 403


class NoSuchAccessPoint(AwsError):
    """The specified accesspoint does not exist"""

    status = 404


class NoSuchAccessPointPolicy(AwsError):
    """The specified accesspoint policy does not exist"""

    status = 404


class NoSuchPublicAccessBlockConfiguration(AwsError):
    """The public access block configuration was not found"""

    status = 404


class InvalidTag(AwsError):
    """The tag provided was not a valid tag. This error can occur if the tag did not pass input validation."""


class AccessPointAlreadyOwnedByYou(AwsError):
    """Your previous request to create the named accesspoint succeeded and you already own it."""

    status = 409


class InvalidURI(AwsError):
    """Couldn't parse the specified URI."""


class InvalidRequest(AwsError):
    """The request is not valid."""


class MalformedPolicy(AwsError):
    """The policy is not valid."""

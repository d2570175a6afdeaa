"""What AWS IoT's message broker answers when it can't do what it was asked."""

from ...errors import AwsError


class InvalidRequestException(AwsError):
    """The request is not valid."""


class ResourceNotFoundException(AwsError):
    """The specified resource does not exist."""


class UnauthorizedException(AwsError):
    """You are not authorized to perform this operation."""


class RequestEntityTooLargeException(AwsError):
    """The content of the payload exceeds the maximum size allowed."""

    status = 413


class Broken(AwsError):
    """A client has broken the protocol, and is not listened to any longer."""

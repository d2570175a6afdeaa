"""What EventBridge Pipes says when it refuses."""

from ...errors import AwsError


class ConflictException(AwsError):
    """An action you attempted resulted in an exception."""


class NotFoundException(AwsError):
    """An entity that you specified does not exist."""

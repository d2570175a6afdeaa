"""What EventBridge Scheduler says when it refuses."""

from ...errors import AwsError, ValidationException


class ConflictException(AwsError):
    """Updating or deleting the resource can cause an inconsistent state."""


class ResourceNotFoundException(AwsError):
    """The request references a resource which does not exist."""


class ServiceQuotaExceededException(AwsError):
    """The request exceeds a service quota."""


def bad_request(reason: str) -> ValidationException:
    """The parameters that a schedule has for an operation can't be meant."""
    return ValidationException(f"Invalid RequestJson provided. Reason {reason}.")

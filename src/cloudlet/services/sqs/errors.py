"""What SQS says when it refuses. Two of its codes are shorter in forms and headers (see :mod:`.service`)."""

from ...errors import AwsError


class QueueDoesNotExist(AwsError):
    """The specified queue does not exist."""


class QueueNameExists(AwsError):
    """A queue already exists with the same name and a different value for an attribute."""


class QueueDeletedRecently(AwsError):
    """You must wait 60 seconds after deleting a queue before you can create another with the same name."""


class PurgeQueueInProgress(AwsError):
    """Only one PurgeQueue operation is allowed every 60 seconds."""

    status = 403


class InvalidAddress(AwsError):
    """The address is not valid for this endpoint."""

    status = 404


class InvalidParameterValueException(AwsError):
    """A value supplied for a parameter is invalid."""


class MissingRequiredParameterException(AwsError):
    """The request must contain a parameter that it lacks."""


class InvalidAttributeName(AwsError):
    """The specified attribute doesn't exist."""


class InvalidAttributeValue(AwsError):
    """A queue attribute value is invalid."""


class InvalidMessageContents(AwsError):
    """The message contains characters outside the allowed set."""


class ReceiptHandleIsInvalid(AwsError):
    """The specified receipt handle isn't valid."""


class OverLimit(AwsError):
    """The specified action violates a limit."""

    status = 403


class UnsupportedOperation(AwsError):
    """Unsupported operation."""


class ResourceNotFoundException(AwsError):
    """One or more specified resources don't exist."""

    status = 404


class EmptyBatchRequest(AwsError):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequest(AwsError):
    """The batch request contains more entries than permissible."""


class InvalidBatchEntryId(AwsError):
    """A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."""  # noqa: E501


class BatchEntryIdsNotDistinct(AwsError):
    """Two or more batch entries in the request have the same Id."""


class BatchRequestTooLong(AwsError):
    """The length of all the messages put together is more than the limit."""


def invalid(value: object, parameter: str, reason: str) -> InvalidParameterValueException:
    """The sentence in which SQS refuses most values."""
    subject = f"Value {value} for parameter {parameter}"
    return InvalidParameterValueException(f"{subject} is invalid. Reason: {reason}")


def missing(parameter: str) -> MissingRequiredParameterException:
    """A parameter is not there, or empty where it may not be."""
    return MissingRequiredParameterException(f"The request must contain the parameter {parameter}.")


class AccessDenied(AwsError):
    """Access to the resource is denied."""

    status = 403

"""What SNS says when it refuses. Its codes on the wire are shorter, and come from its model."""

from ...errors import AwsError


class InvalidParameterException(AwsError):
    """Invalid parameter"""


class InvalidParameterValueException(AwsError):
    """Invalid parameter value"""


class NotFoundException(AwsError):
    """Topic does not exist"""

    status = 404


class AuthorizationErrorException(AwsError):
    """Not authorized to access this resource"""

    status = 403


class ResourceNotFoundException(AwsError):
    """Resource does not exist"""

    status = 404


class InvalidStateException(AwsError):
    """Cannot delete a topic with an ArchivePolicy"""


class TagLimitExceededException(AwsError):
    """Could not complete request: tag quota of per resource exceeded"""


class FilterPolicyLimitExceededException(AwsError):
    """The number of filter policies exceeds the quota of the topic"""

    status = 403


class EmptyBatchRequestException(AwsError):
    """The batch request doesn't contain any entries."""


class TooManyEntriesInBatchRequestException(AwsError):
    """The batch request contains more entries than permissible."""


class BatchEntryIdsNotDistinctException(AwsError):
    """Two or more batch entries in the request have the same Id."""


class BatchRequestTooLongException(AwsError):
    """The length of all the messages put together is more than the limit."""


class InvalidBatchEntryIdException(AwsError):
    """The Id of a batch entry in the batch request doesn't abide by the specification."""


def invalid(what: str, reason: str = "") -> InvalidParameterException:
    """The sentence in which SNS refuses most parameters."""
    return InvalidParameterException(f"Invalid parameter: {what}" + (f" Reason: {reason}" if reason else ""))

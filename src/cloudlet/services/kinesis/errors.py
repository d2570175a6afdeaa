"""What Kinesis says when it refuses."""

from ...errors import AccessDeniedException, AwsError, ValidationException


class ResourceNotFoundException(AwsError):
    """The requested resource could not be found."""


class ResourceInUseException(AwsError):
    """The resource is not available for this operation."""


class InvalidArgumentException(AwsError):
    """A specified parameter exceeds its restrictions, is not supported, or can't be used."""


class LimitExceededException(AwsError):
    """The requested resource exceeds the maximum number allowed."""


class ProvisionedThroughputExceededException(AwsError):
    """The request rate for the stream is too high."""


class ExpiredIteratorException(AwsError):
    """The provided iterator exceeds the maximum age allowed."""


class ExpiredNextTokenException(AwsError):
    """The pagination token passed to the operation is expired."""


class DryRunOperationException(AwsError):
    """The request would have succeeded, but DryRun is set."""


__all__ = ["AccessDeniedException", "DryRunOperationException", "ExpiredIteratorException",
           "ExpiredNextTokenException", "InvalidArgumentException", "LimitExceededException",
           "ProvisionedThroughputExceededException", "ResourceInUseException", "ResourceNotFoundException",
           "ValidationException"]

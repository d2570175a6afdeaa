"""What DynamoDB Streams answers when it can't do what it was asked."""

from ...errors import AwsError, ValidationException


class ResourceNotFoundException(AwsError):
    """Requested resource not found"""


class ExpiredIteratorException(AwsError):
    """The shard iterator has expired and can no longer be used to retrieve stream records."""


class TrimmedDataAccessException(AwsError):
    """The operation attempted to read past the oldest stream record in a shard."""


__all__ = ["ExpiredIteratorException", "ResourceNotFoundException", "TrimmedDataAccessException",
           "ValidationException"]

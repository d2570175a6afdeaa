"""What DynamoDB answers when it can't do what it was asked."""

from ...errors import AwsError, ValidationException


class ResourceNotFoundException(AwsError):
    """Requested resource not found"""


class ResourceInUseException(AwsError):
    """The resource is in use."""


class TableNotFoundException(AwsError):
    """The table was not found."""


class LimitExceededException(AwsError):
    """Too many operations for a given subscriber."""


class ConditionalCheckFailedException(AwsError):
    """The conditional request failed"""


class ItemCollectionSizeLimitExceededException(AwsError):
    """Collection size exceeded."""


class TransactionCanceledException(AwsError):
    """Transaction cancelled, please refer cancellation reasons for specific reasons"""


class IdempotentParameterMismatchException(AwsError):
    """The request uses the same client token as a previous, but non-identical request."""


class DuplicateItemException(AwsError):
    """Duplicate primary key exists in table"""


def invalid(message: str) -> ValidationException:
    """A parameter whose value can't be, in the words most of DynamoDB's refusals begin with."""
    return ValidationException(f"One or more parameter values were invalid: {message}")


__all__ = ["AwsError", "ConditionalCheckFailedException", "DuplicateItemException",
           "IdempotentParameterMismatchException", "ItemCollectionSizeLimitExceededException",
           "LimitExceededException", "ResourceInUseException", "ResourceNotFoundException",
           "TableNotFoundException", "TransactionCanceledException", "ValidationException", "invalid"]

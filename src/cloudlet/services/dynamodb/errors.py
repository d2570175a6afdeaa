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


class TableAlreadyExistsException(AwsError):
    """A target table with the specified name already exists."""


class TableInUseException(AwsError):
    """A target table with the specified name is either being created or deleted."""


class BackupNotFoundException(AwsError):
    """Backup not found for the given BackupARN."""


class BackupInUseException(AwsError):
    """There is another ongoing conflicting backup control plane operation on the table."""


class PointInTimeRecoveryUnavailableException(AwsError):
    """Point in time recovery has not yet been enabled for this source table."""


class InvalidRestoreTimeException(AwsError):
    """An invalid restore time was specified."""


class InvalidExportTimeException(AwsError):
    """The specified ExportTime is outside of the point in time recovery window."""


class ExportConflictException(AwsError):
    """There was a conflict when writing to the specified S3 bucket."""


class ExportNotFoundException(AwsError):
    """The specified export was not found."""


class ImportConflictException(AwsError):
    """There was a conflict when importing from the specified S3 source."""


class ImportNotFoundException(AwsError):
    """The specified import was not found."""


class PolicyNotFoundException(AwsError):
    """The operation tried to access a nonexistent resource-based policy."""


class ReplicaAlreadyExistsException(AwsError):
    """The specified replica is already part of the global table."""


class ReplicaNotFoundException(AwsError):
    """The specified replica is no longer part of the global table."""


class ProvisionedThroughputExceededException(AwsError):
    """The level of configured provisioned throughput for the table was exceeded. Consider increasing your
    provisioning level with the UpdateTable API."""


def invalid(message: str) -> ValidationException:
    """A parameter whose value can't be, in the words most of DynamoDB's refusals begin with."""
    return ValidationException(f"One or more parameter values were invalid: {message}")


__all__ = ["AwsError", "BackupInUseException", "BackupNotFoundException",
           "ConditionalCheckFailedException", "DuplicateItemException", "ExportConflictException",
           "ExportNotFoundException", "IdempotentParameterMismatchException", "ImportConflictException",
           "ImportNotFoundException", "InvalidExportTimeException", "InvalidRestoreTimeException",
           "ItemCollectionSizeLimitExceededException", "LimitExceededException",
           "PointInTimeRecoveryUnavailableException", "PolicyNotFoundException",
           "ProvisionedThroughputExceededException", "ReplicaAlreadyExistsException",
           "ReplicaNotFoundException", "ResourceInUseException", "ResourceNotFoundException",
           "TableAlreadyExistsException", "TableInUseException", "TableNotFoundException",
           "TransactionCanceledException", "ValidationException", "invalid"]

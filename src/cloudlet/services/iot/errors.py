"""What AWS IoT answers when it can't do what it was asked."""

from ...errors import AwsError


class InvalidRequestException(AwsError):
    """The request is not valid."""


class SqlParseException(AwsError):
    """The Rule-SQL expression can't be parsed correctly."""


class ResourceAlreadyExistsException(AwsError):
    """The resource already exists."""


class ResourceNotFoundException(AwsError):
    """The specified resource does not exist."""


class UnauthorizedException(AwsError):
    """You are not authorized to perform this operation."""


class LimitExceededException(AwsError):
    """A limit has been exceeded."""


class FailedToAssumeRole(AwsError):
    """AWS IoT can't assume the role of the action."""


class InvalidMessage(AwsError):
    """The message can't be used by the action."""


class OperationFailed(AwsError):
    """The rule could not be evaluated."""

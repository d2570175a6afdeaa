"""What CloudWatch Logs answers when it can't do what it was asked."""

from ...errors import AwsError


class ResourceNotFoundException(AwsError):
    """The specified resource does not exist."""


class ResourceAlreadyExistsException(AwsError):
    """The specified resource already exists."""


class InvalidParameterException(AwsError):
    """A parameter is specified incorrectly."""


class LimitExceededException(AwsError):
    """Resource limit exceeded."""


class ValidationException(AwsError):
    """One of the parameters for the request is not valid."""


class AccessDeniedException(AwsError):
    """You don't have sufficient permissions to perform this action."""


class TooManyTagsException(AwsError):
    """The resource can have no more than 50 tags."""


class SessionTimeoutException(AwsError):
    """The session timed out."""

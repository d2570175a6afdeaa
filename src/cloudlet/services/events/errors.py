"""What EventBridge answers when it can't do what it was asked."""

from ...errors import AwsError, ValidationException


class ResourceNotFoundException(AwsError):
    """An entity that you specified does not exist."""


class ResourceAlreadyExistsException(AwsError):
    """The resource you are trying to create already exists."""


class LimitExceededException(AwsError):
    """The requested resource exceeds the maximum number allowed."""


class InvalidEventPatternException(AwsError):
    """The event pattern is not valid."""


class ManagedRuleException(AwsError):
    """This rule was created by an AWS service on behalf of your account. It is managed by that service."""


class PolicyLengthExceededException(AwsError):
    """The event bus policy is too long."""


class IllegalStatusException(AwsError):
    """An error occurred because a replay can be canceled only when the state is Running or Starting."""


class NotAuthorizedForSourceException(AwsError):
    """Not authorized for the source."""


class MalformedDetail(AwsError):
    """Detail is malformed."""


class InvalidArgument(AwsError):
    """A specified parameter is not valid."""


class ThirdBus(AwsError):
    """An event that came from another event bus can't be sent on to a third one."""


class Unauthorized(AwsError):
    """The connection is not authorized, so its API destinations can't be invoked."""


class FailedToAssumeRole(AwsError):
    """EventBridge can't assume the role of the target."""


class ConnectionFailure(AwsError):
    """The API destination gave no answer, or one that says to come again."""

    status = 503


class ErrorFromTarget(AwsError):
    """The API destination declined the event."""


def invalid(parameter: str, reason: str = "") -> ValidationException:
    """The sentence in which EventBridge refuses most values."""
    why = f" Reason: {reason}" if reason else ""
    return ValidationException(f"Parameter {parameter} is not valid.{why}")


def wrong_arn(text: str) -> ValidationException:
    """A text is no ARN, or none of the right kind."""
    return invalid(text, "Provided Arn is not in correct format.")


def missing(argument: str) -> InvalidArgument:
    """An entry of PutEvents lacks what every event has."""
    return InvalidArgument(f"Parameter {argument} is not valid. Reason: {argument} is a required argument.")

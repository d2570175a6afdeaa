"""What Step Functions says when it refuses."""

from ...errors import AwsError


class ActivityDoesNotExist(AwsError):
    """The specified activity does not exist."""


class ConflictException(AwsError):
    """Updating or deleting a resource can cause an inconsistent state."""


class ExecutionAlreadyExists(AwsError):
    """The execution has the same name as another execution (but a different input)."""


class ExecutionDoesNotExist(AwsError):
    """The specified execution does not exist."""


class ExecutionNotRedrivable(AwsError):
    """The execution cannot be redriven."""


class InvalidArn(AwsError):
    """The provided Amazon Resource Name (ARN) is not valid."""


class InvalidDefinition(AwsError):
    """The provided Amazon States Language definition is not valid."""


class InvalidEncryptionConfiguration(AwsError):
    """The encryption configuration is not valid."""


class InvalidExecutionInput(AwsError):
    """The provided JSON input data is not valid."""


class InvalidLoggingConfiguration(AwsError):
    """Invalid Logging Configuration: Must specify exactly one Log Destination."""


class InvalidName(AwsError):
    """The provided name is not valid."""


class InvalidOutput(AwsError):
    """The provided JSON output data is not valid."""


class InvalidToken(AwsError):
    """Invalid Token: 'Invalid token'"""


class MissingRequiredParameter(AwsError):
    """Request is missing a required parameter."""


class ResourceNotFound(AwsError):
    """Could not find the referenced resource."""


class ServiceQuotaExceededException(AwsError):
    """The request would cause a service quota to be exceeded."""


class StateMachineAlreadyExists(AwsError):
    """A state machine with the same name but a different definition or role ARN already exists."""


class StateMachineDeleting(AwsError):
    """The specified state machine is being deleted."""


class StateMachineDoesNotExist(AwsError):
    """The specified state machine does not exist."""


class StateMachineTypeNotSupported(AwsError):
    """This operation is not supported by this type of state machine"""


class TaskTimedOut(AwsError):
    """Task Timed Out: 'Provided task does not exist anymore'"""


class TooManyTags(AwsError):
    """You've exceeded the number of tags allowed for a resource."""


class TaskFailed(AwsError):
    """A task failed with an error of its own making; nobody gets this as an answer."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(cause or error)
        self.error, self.cause = error, cause

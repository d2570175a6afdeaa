"""What CloudFormation refuses, in its own words."""

from ...errors import AwsError


class AlreadyExistsException(AwsError):
    """The resource with the name requested already exists."""


class InsufficientCapabilitiesException(AwsError):
    """The template needs capabilities that were not specified in the Capabilities parameter."""


class ChangeSetNotFoundException(AwsError):
    """The specified change set name or ID doesn't exit."""

    status = 404


class InvalidChangeSetStatusException(AwsError):
    """The specified change set can't be used to update the stack."""


class ResourceFailed(AwsError):
    """A resource of CloudFormation's own says why it failed; the reason is shown as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, plain=True)

"""What Firehose says when it refuses."""

from ...errors import AwsError, NotHonoured


class ResourceNotFoundException(AwsError):
    """The specified resource could not be found."""


class ResourceInUseException(AwsError):
    """The resource is already in use and not available for this operation."""


class InvalidArgumentException(AwsError):
    """The specified input parameter has a value that is not valid."""


class InvalidSourceException(AwsError):
    """Only requests from CloudWatch Logs are supported when CloudWatch Logs decompression is enabled."""


class LimitExceededException(AwsError):
    """You have already reached the limit for a requested resource."""


class ConcurrentModificationException(AwsError):
    """Another modification has already happened. Fetch VersionId again and use it to update the destination."""  # noqa: E501


def not_honoured(what: str, instead: str = "") -> NotHonoured:
    """A part of a configuration that cloudlet does not act on."""
    return NotHonoured(f"cloudlet does not honour {what}, and refuses it rather than ignore it.{instead}")

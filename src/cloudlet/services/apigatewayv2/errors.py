"""What API Gateway answers when it can't do what it was asked."""

from ...errors import AwsError


class NotFoundException(AwsError):
    """The resource specified in the request was not found."""

    status = 404


class BadRequestException(AwsError):
    """One of the parameters in the request is invalid."""


class ConflictException(AwsError):
    """The resource already exists."""

    status = 409


class TooManyRequestsException(AwsError):
    """A limit has been exceeded."""

    status = 429

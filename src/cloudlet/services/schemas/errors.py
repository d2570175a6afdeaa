"""What the schema registry answers when it can't do what it was asked."""

from ...errors import AwsError


class BadRequestException(AwsError):
    """The request is not valid."""


class ConflictException(AwsError):
    """It is there already."""


class NotFoundException(AwsError):
    """It is not there."""


def bad(message: str) -> BadRequestException:
    """The request can't be meant."""
    return BadRequestException(message, Code="BadRequest")


def taken(kind: str, name: str) -> ConflictException:
    """Something of that name is there already."""
    return ConflictException(f"{kind} with name {name} already exists.", Code="Conflict")


def absent(kind: str, name: str) -> NotFoundException:
    """There is nothing of that name."""
    return NotFoundException(f"{kind} with name {name} does not exist.", Code="NotFound")

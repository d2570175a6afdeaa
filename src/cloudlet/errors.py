"""Errors as AWS spells them.

An error is a class of two lines: its name is AWS's code, its docstring the default message.
Where the service's model knows the name, the HTTP status and the code on the wire come from
there (:meth:`cloudlet.wire.model.ServiceModel.error`).

>>> class QueueDoesNotExist(AwsError):
...     "The specified queue does not exist."
>>> str(QueueDoesNotExist()), QueueDoesNotExist().code
('The specified queue does not exist.', 'QueueDoesNotExist')
"""

import inspect
from typing import ClassVar


class AwsError(Exception):
    """The request could not be served."""

    status: ClassVar[int] = 400

    def __init__(self, message: str = "", **members: object) -> None:
        super().__init__(message or (inspect.getdoc(type(self)) or "").replace("\n", " "))
        self.members = members
        self.headers: dict[str, str] = {}  # that go with the answer, beside the protocol's own

    @property
    def code(self) -> str:
        """AWS's name for what went wrong."""
        return type(self).__name__


class ValidationException(AwsError):
    """The input fails to satisfy the constraints of the service."""


class ValidationError(AwsError):
    """The input fails to satisfy the constraints of the service."""


class SerializationException(AwsError):
    """The request could not be read."""


class UnknownOperationException(AwsError):
    """No such operation."""


class AccessDeniedException(AwsError):
    """You are not authorized to perform this operation."""

    status = 403


class ThrottlingException(AwsError):
    """Rate exceeded"""


class RequestEntityTooLarge(AwsError):
    """The request is larger than this service accepts."""

    status = 413


class NotHonoured(AwsError):
    """AWS knows this part of the request; cloudlet does not act on it and so refuses it."""


class InternalFailure(AwsError):
    """The request failed because of an internal error."""

    status = 500


class ServiceUnavailable(AwsError):
    """The service cannot handle the request right now."""

    status = 503

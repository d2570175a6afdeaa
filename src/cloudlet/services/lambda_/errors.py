"""What Lambda says when it refuses."""

from ...errors import AwsError


class UserError(AwsError):
    """The caller's own doing, which Lambda says beside the message."""

    def __init__(self, message: str = "", **members: object) -> None:
        super().__init__(message, **{"Type": "User", **members})


class ResourceNotFoundException(UserError):
    """The resource specified in the request does not exist."""


class ResourceConflictException(UserError):
    """The resource already exists, or another operation is in progress."""


class ResourceInUseException(UserError):
    """The operation conflicts with the resource's availability."""


class InvalidParameterValueException(UserError):
    """One of the parameters in the request is not valid."""


class InvalidRequestContentException(UserError):
    """The request body could not be parsed as JSON, or a request header is invalid."""


class InvalidSignatureException(AwsError):
    """The request signature we calculated does not match the signature you provided."""

    status = 403


class InvalidZipFileException(UserError):
    """The deployment package could not be unzipped."""


class PreconditionFailedException(UserError):
    """The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to
    retrieve the latest Revision Id"""


class RequestTooLargeException(UserError):
    """The request payload exceeded the Invoke request body JSON input quota."""


class RequestEntityTooLargeException(AwsError):
    """Zipped size must be smaller than 52428800 bytes"""

    status = 413


class CodeStorageExceededException(UserError):
    """Code storage limit exceeded."""


class RecursiveInvocationException(UserError):
    """Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services
    resources and stopped your function's invocation."""


class PolicyLengthExceededException(UserError):
    """The permissions policy for the resource is too large."""


class TooManyRequestsException(UserError):
    """Rate Exceeded."""


class ProvisionedConcurrencyConfigNotFoundException(UserError):
    """The specified configuration does not exist."""


class SnapStartException(UserError):
    """The afterRestore runtime hook encountered an error."""


class DurableExecutionAlreadyStartedException(UserError):
    """The durable execution with the specified name has already been started."""


class CallbackTimeoutException(UserError):
    """The callback ID token has either expired or the callback has already been closed."""

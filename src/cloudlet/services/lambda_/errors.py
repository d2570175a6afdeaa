"""What Lambda says when it refuses."""

from ...errors import AwsError


class ResourceNotFoundException(AwsError):
    """The resource specified in the request does not exist."""


class ResourceConflictException(AwsError):
    """The resource already exists, or another operation is in progress."""


class ResourceInUseException(AwsError):
    """The operation conflicts with the resource's availability."""


class InvalidParameterValueException(AwsError):
    """One of the parameters in the request is not valid."""


class InvalidRequestContentException(AwsError):
    """The request body could not be parsed as JSON, or a request header is invalid."""


class InvalidSignatureException(AwsError):
    """The request signature we calculated does not match the signature you provided."""

    status = 403


class InvalidZipFileException(AwsError):
    """The deployment package could not be unzipped."""


class PreconditionFailedException(AwsError):
    """The RevisionId provided does not match the latest RevisionId for the Lambda function or alias."""


class RequestTooLargeException(AwsError):
    """The request payload exceeded the Invoke request body JSON input quota."""


class RequestEntityTooLargeException(AwsError):
    """Request must be smaller than 69905067 bytes for the CreateFunction operation"""

    status = 413


class CodeStorageExceededException(AwsError):
    """Your Amazon Web Services account has exceeded its maximum total code size."""


class PolicyLengthExceededException(AwsError):
    """The permissions policy for the resource is too large."""


class TooManyRequestsException(AwsError):
    """Rate Exceeded."""


class ProvisionedConcurrencyConfigNotFoundException(AwsError):
    """The specified configuration does not exist."""


class SnapStartException(AwsError):
    """The afterRestore runtime hook encountered an error."""


class DurableExecutionAlreadyStartedException(AwsError):
    """The durable execution with the specified name has already been started."""


class CallbackTimeoutException(AwsError):
    """The callback ID token has either expired or the callback has already been closed."""

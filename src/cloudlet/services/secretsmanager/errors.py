"""What Secrets Manager answers when it can't do what it was asked."""

from ...errors import AwsError


class ResourceNotFoundException(AwsError):
    """Secrets Manager can't find the specified secret."""


class ResourceExistsException(AwsError):
    """A resource with the ID you requested already exists."""


class InvalidRequestException(AwsError):
    """A parameter value is not valid for the current state of the resource."""


class InvalidParameterException(AwsError):
    """The parameter name or value is invalid."""


class InvalidNextTokenException(AwsError):
    """The NextToken value is invalid."""


class MalformedPolicyDocumentException(AwsError):
    """The resource policy has syntax errors."""


class PublicPolicyException(AwsError):
    """The BlockPublicPolicy parameter is set to true, and the resource policy grants broad access."""

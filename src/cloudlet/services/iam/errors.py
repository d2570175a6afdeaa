"""What IAM refuses."""

from ...errors import AwsError


class NoSuchEntityException(AwsError):
    """The request was rejected because it referenced a resource entity that does not exist."""


class EntityAlreadyExistsException(AwsError):
    """The request was rejected because it attempted to create a resource that already exists."""


class DeleteConflictException(AwsError):
    """The request was rejected because it attempted to delete a resource that has attached subordinate
    entities."""


class LimitExceededException(AwsError):
    """The request was rejected because it attempted to create resources beyond the current quotas."""


class MalformedPolicyDocumentException(AwsError):
    """The request was rejected because the policy document was malformed."""


class InvalidInputException(AwsError):
    """The request was rejected because an invalid or out-of-range value was supplied for an input
    parameter."""


class UnmodifiableEntityException(AwsError):
    """The request was rejected because the entity is protected."""


class PolicyNotAttachableException(AwsError):
    """The request failed because AWS service role policies can only be attached to the service-linked
    role."""


class AccessDenied(AwsError):
    """The request was denied."""

    status = 403

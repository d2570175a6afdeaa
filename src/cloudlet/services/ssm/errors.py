"""What Systems Manager answers when it can't do what it was asked."""

from ...errors import AccessDeniedException, AwsError, ValidationException


class ParameterNotFound(AwsError):
    """The parameter couldn't be found. Verify the name and try again."""


class ParameterAlreadyExists(AwsError):
    """The parameter already exists."""


class ParameterVersionNotFound(AwsError):
    """The specified parameter version wasn't found."""


class ParameterPatternMismatchException(AwsError):
    """The parameter value doesn't match its allowed pattern."""


class InvalidAllowedPatternException(AwsError):
    """The request doesn't meet the regular expression requirement."""


class InvalidKeyId(AwsError):
    """The query key ID isn't valid."""


class HierarchyLevelLimitExceededException(AwsError):
    """A hierarchy can have a maximum of 15 levels."""


class HierarchyTypeMismatchException(AwsError):
    """A parameter's type can't be changed. You must create a new, unique parameter."""


class ParameterMaxVersionLimitExceeded(AwsError):
    """The oldest version of the parameter has a label and can't be deleted to make room for a new one."""


class ParameterVersionLabelLimitExceeded(AwsError):
    """A parameter version can have a maximum of ten labels."""


class InvalidResourceId(AwsError):
    """The resource ID isn't valid. Verify that you entered the correct ID and try again."""


class InvalidResourceType(AwsError):
    """The resource type isn't valid."""


class TooManyTagsError(AwsError):
    """The resource can have no more than 50 tags."""


class InvalidFilterKey(AwsError):
    """The specified key isn't valid."""


class InvalidFilterOption(AwsError):
    """The specified filter option isn't valid."""


class InvalidNextToken(AwsError):
    """The specified token isn't valid."""


__all__ = [
    "AccessDeniedException",
    "HierarchyLevelLimitExceededException",
    "HierarchyTypeMismatchException",
    "InvalidAllowedPatternException",
    "InvalidFilterKey",
    "InvalidFilterOption",
    "InvalidKeyId",
    "InvalidNextToken",
    "InvalidResourceId",
    "InvalidResourceType",
    "ParameterAlreadyExists",
    "ParameterMaxVersionLimitExceeded",
    "ParameterNotFound",
    "ParameterPatternMismatchException",
    "ParameterVersionLabelLimitExceeded",
    "ParameterVersionNotFound",
    "TooManyTagsError",
    "ValidationException",
]

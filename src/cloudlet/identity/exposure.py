"""Whether a resource's policy lets in anyone at all.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from .policy import Document, Statement

_FIXED = frozenset((  # conditions that hold a request to something fixed, and so make a statement not public
    "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount",
    "aws:sourceowner",
    "aws:principalorgid", "aws:principalaccount", "aws:principalarn", "aws:userid", "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount"))


def is_public(document: Document) -> bool:
    """Whether the policy lets in anyone without a condition that holds them to something fixed."""
    return any(statement.allows and _for_everyone(statement) and not any(
        condition.key.lower() in _FIXED and not any("*" in value for value in condition.values)
        for condition in statement.conditions) for statement in document.statements)


def _for_everyone(statement: Statement) -> bool:
    return statement.principals is not None and any(name == "*" for _, name in statement.principals.named)

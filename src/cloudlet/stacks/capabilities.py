"""Which capabilities a template needs: who deploys roles and policies must have said so."""

from .template import Template

_IAM = frozenset(
    (
        "AWS::IAM::AccessKey",
        "AWS::IAM::Group",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::IAM::UserToGroupAddition",
    )
)
_NAMES = ("GroupName", "InstanceProfileName", "ManagedPolicyName", "RoleName", "UserName")


def needed(template: Template) -> list[str]:
    """CAPABILITY_IAM for identities, CAPABILITY_NAMED_IAM if they have names of their own."""
    return ["CAPABILITY_NAMED_IAM" if _named(template) else "CAPABILITY_IAM"] if iam_types(template) else []


def iam_types(template: Template) -> list[str]:
    """The types in the template that need a capability."""
    return sorted({spec.type for spec in template.resources.values() if spec.type in _IAM})


def _named(template: Template) -> bool:
    return any(
        name in spec.properties
        for spec in template.resources.values()
        for name in _NAMES
        if spec.type in _IAM
        and spec.type not in ("AWS::IAM::Policy", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition")
    )

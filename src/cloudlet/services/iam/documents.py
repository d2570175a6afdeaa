"""Policy documents as IAM takes and gives them: checked, measured, URL-encoded."""

import json
from typing import Any
from urllib.parse import quote

from ...identity import grammar
from ...identity.policy import Malformed, as_list
from ...kernel import Call
from . import limits
from .errors import LimitExceededException, MalformedPolicyDocumentException
from .records import key_of, roles, users

_PATHS = ("user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
          "policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/")


def identity(text: str) -> str:
    """The document of an identity's policy, if it is one."""
    return _checked(text, "identity")


def trust(call: Call, text: str) -> str:
    """The document of a role's trust policy, if it is one and its principals exist."""
    tree = grammar_check(text, "trust")
    for statement in as_list(tree["Statement"]):
        said = statement.get("Principal", {})
        for name in as_list(said.get("AWS", [])) if isinstance(said, dict) else ():
            _exists(call, name)
    if size_of(text) > limits.TRUST_POLICY_CHARACTERS:
        raise LimitExceededException("Cannot exceed quota for ACLSizePerRole: "
                                     f"{limits.TRUST_POLICY_CHARACTERS}")
    return text


def grammar_check(text: str, kind: grammar.Kind) -> dict[str, Any]:
    """What the document says, if it is well-formed."""
    try:
        return grammar.check(text, kind)
    except Malformed as error:
        raise MalformedPolicyDocumentException(str(error)) from None


def shown(text: str) -> str:
    """A document as answers give it: URL-encoded (RFC 3986)."""
    return quote(text, safe="-_.~")


def size_of(text: str) -> int:
    """Characters of a document as quotas count them: white space outside of texts does not count."""
    return len(json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False))


def _checked(text: str, kind: grammar.Kind) -> str:
    tree = grammar_check(text, kind)
    for statement in as_list(tree["Statement"]):
        for resource in as_list(statement.get("Resource", statement.get("NotResource", []))):
            fault = _fault(resource)
            if fault:
                raise MalformedPolicyDocumentException(fault)
    return text


def _fault(resource: str) -> str:
    """What IAM knows of its own ARNs and of buckets: no region, and its own begin with a kind."""
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[2] not in ("iam", "s3"):
        return ""
    if parts[2] == "iam" and parts[3]:
        return f"IAM resource {resource} cannot contain region information."
    if parts[2] == "s3" and parts[3] not in ("", "*") and "accesspoint" not in resource:
        return f"Resource {resource} can not contain region information."
    if parts[2] == "iam" and not parts[5].startswith((*_PATHS, "*", "root", "$")):
        return f'IAM resource path must either be "*" or start with {", ".join(_PATHS)}.'
    return ""


def _exists(call: Call, arn: str) -> None:
    """Refuse a principal of this account that isn't there; other accounts are not asked."""
    prefix = f"arn:aws:iam::{call.account}:"
    if not arn.startswith(prefix):
        return
    noun, _, path = arn.removeprefix(prefix).partition("/")
    name = key_of(path.rpartition("/")[2])
    found = users.get(call, name) if noun == "user" else roles.get(call, name) if noun == "role" else True
    if found is None:
        raise MalformedPolicyDocumentException(f'Invalid principal in policy: "AWS":"{arn}"')

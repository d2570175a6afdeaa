"""Whether a policy document may be stored, in the order and in the words of IAM.

Three kinds differ: an ``identity``'s policy names resources, a ``trust`` policy names principals, a
``resource``'s policy names both.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from typing import Any, Literal

from .conditions import Unknown, compile_conditions, moment_of
from .policy import Malformed, as_list

Kind = Literal["identity", "trust", "resource"]
_TOP = frozenset(("Version", "Id", "Statement"))
_ELEMENTS = frozenset(("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal",
                       "NotPrincipal", "Condition"))
_VERSIONS = ("2008-10-17", "2012-10-17")
_PRINCIPALS = frozenset(("AWS", "Service", "Federated", "CanonicalUser"))
_SERVICE = re.compile(r"[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|aws\.internal|api\.aws)")
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|(?:user|role|assumed-role|federated-user)/.+)")
_UNIQUE_ID = re.compile(r"A(?:ID|RO|GP)A[A-Z0-9]{12,}")
_SID = re.compile(r"[A-Za-z0-9]*")
_TRUST_ACTIONS = frozenset(("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity",
                            "sts:tagsession", "sts:setsourceidentity", "sts:setcontext", "sts:*", "*"))


def check(text: str, kind: Kind = "identity") -> dict[str, Any]:
    """The document that ``text`` spells; :class:`Malformed` says what is wrong with it."""
    try:
        tree = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        leading = text[:1].isspace()
        raise Malformed("JSON strings must not have leading spaces" if leading else
                        "This policy contains invalid Json" if kind == "trust" else "Syntax errors in policy."
                        ) from None
    statements = _syntax(tree, kind)
    for statement in statements:
        _legacy(statement)
    _sids(statements, kind)
    if any(not (each.get("Action") or each.get("NotAction")) for each in statements
           if not isinstance(each.get("Action", each.get("NotAction")), str)):
        raise Malformed("Policy statement must contain actions.")
    for statement in statements:
        _resources(statement)
    for statement in statements:
        _actions(statement, kind)
        _who(statement, kind)
    if kind == "identity" and not all(_all(each, "Resource") for each in statements):
        raise Malformed("Policy statement must contain resources.")
    return dict(tree)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _syntax(tree: Any, kind: Kind) -> list[dict[str, Any]]:
    """The statements, if the document has the form of one."""
    if not isinstance(tree, dict):
        raise Malformed("Syntax errors in policy.")
    statements = as_list(tree.get("Statement", []))
    unknown = [name for name in tree if name not in _TOP] + [
        name for each in statements if isinstance(each, dict) for name in each if name not in _ELEMENTS]
    if unknown:
        raise Malformed(f"Unknown field {unknown[0]}" if kind == "trust" else "Syntax errors in policy.")
    if kind == "trust" and not statements:
        raise Malformed("Could not parse the policy: Statement is empty!")
    good = (statements and all(isinstance(each, dict) for each in statements)
            and tree.get("Version", _VERSIONS[0]) in _VERSIONS and isinstance(tree.get("Id", ""), str))
    if not good or not all(map(_well_formed, statements)):
        raise Malformed("Syntax errors in policy.")
    return statements


def _well_formed(statement: dict[str, Any]) -> bool:
    pairs = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
    if any(one in statement and other in statement for one, other in pairs):
        return False
    if str(statement.get("Effect", "")).lower() not in ("allow", "deny") or not isinstance(
            statement.get("Sid", ""), str):
        return False
    if not all(_is_text(statement.get(name, [])) for pair in pairs[:2] for name in pair):
        return False
    condition = statement.get("Condition", {})
    return isinstance(condition, dict) and all(
        isinstance(keys, dict) and all(map(_is_values, keys.values())) and _known(operator, keys)
        for operator, keys in condition.items())


def _is_text(value: Any) -> bool:
    return all(isinstance(each, str) for each in as_list(value)) and not isinstance(value, dict)


def _is_values(value: Any) -> bool:
    return all(isinstance(each, str | bool | int | float) for each in as_list(value))


def _known(operator: str, keys: dict[str, Any]) -> bool:
    try:
        compile_conditions({operator: keys}, True)
    except Unknown:
        return not keys
    return True


def _legacy(statement: dict[str, Any]) -> None:
    """What an older parser of AWS's still looks at: the case of effects, dates, ARNs that are too short."""
    if statement["Effect"] not in ("Allow", "Deny"):
        raise Malformed("The policy failed legacy parsing")
    for operator, keys in statement.get("Condition", {}).items():
        if operator.lower().rpartition(":")[2].startswith("date"):
            for value in (value for values in keys.values() for value in as_list(values)):
                try:
                    if "${" not in str(value):
                        moment_of(str(value))
                except (ValueError, OverflowError):
                    raise Malformed("The policy failed legacy parsing") from None
    for resource in _all(statement, "Resource"):
        parts = resource.split(":")
        short = parts[:2] == ["arn", "aws"] and 3 <= len(parts) < 6 and "*" not in parts[-1]
        if short and not _resource_fault(resource):
            raise Malformed("The policy failed legacy parsing")


def _sids(statements: list[dict[str, Any]], kind: Kind) -> None:
    sids = [each["Sid"] for each in statements if each.get("Sid")]
    if len(sids) != len(set(sids)):
        raise Malformed("Statement IDs (SID) in a single policy must be unique.")
    if kind == "identity" and not all(map(_SID.fullmatch, sids)):
        raise Malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                        "regular expression [0-9A-Za-z]*")


def _resources(statement: dict[str, Any]) -> None:
    for resource in _all(statement, "Resource"):
        fault = _resource_fault(resource)
        if fault:
            raise Malformed(fault)


def _resource_fault(resource: str) -> str:
    if resource == "*" or resource.startswith("${"):
        return ""
    parts = resource.split(":", 5)
    if len(parts) == 1:
        return f'Resource {resource} must be in ARN format or "*".'
    if not parts[1].startswith("aws") and parts[1] != "*":
        shown = [parts[1], *(parts[2:] + ["*"] * 4)[: max(4, len(parts) - 2)]]
        return f'Partition "{parts[1]}" is not valid for resource "arn:{":".join(shown)}".'
    if len(parts) == 2 or "*" in parts[2]:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    return ""


def _actions(statement: dict[str, Any], kind: Kind) -> None:
    for action in _all(statement, "Action"):
        vendor, *rest = action.split(":")
        if not rest and vendor != "*":
            raise Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if len(rest) > 1:
            raise Malformed("Actions/Condition can contain only one colon.")
        if vendor != "*" and not re.fullmatch(r"[A-Za-z0-9.-]+", vendor):
            raise Malformed(f"Vendor {vendor} is not valid")
        trusting = action.lower() in _TRUST_ACTIONS or action.lower().startswith("sts:assumerole")
        if kind == "trust" and not trusting:
            raise Malformed("AssumeRole policy may only specify STS AssumeRole actions.")


def _who(statement: dict[str, Any], kind: Kind) -> None:
    """The principals of a statement, where there must be some, or none."""
    said = statement.get("Principal", statement.get("NotPrincipal"))
    if kind == "identity":
        if said is not None:
            raise Malformed("Policy document should not specify a principal.")
        return
    if kind == "trust" and ("Resource" in statement or "NotResource" in statement):
        raise Malformed("Has prohibited field Resource")
    if said is None:
        raise Malformed("Missing required field Principal")
    if said == "*":
        return
    if not isinstance(said, dict) or not said:
        raise Malformed(f'Invalid principal in policy: "{said}"' if isinstance(said, str)
                        else "Syntax errors in policy.")
    for name, value in said.items():
        for each in as_list(value):
            if name not in _PRINCIPALS or not isinstance(each, str) or not is_principal(name, each):
                raise Malformed(f'Invalid principal in policy: "{name.upper()}":"{each}"')


def is_principal(kind: str, name: str) -> bool:
    """Whether a policy can name ``name`` as a principal of that kind, as ``AWS`` or ``Service``."""
    match kind:
        case "Service":
            return bool(_SERVICE.fullmatch(name))
        case "AWS":
            return name == "*" or any(form.fullmatch(name) for form in (_ACCOUNT, _PRINCIPAL_ARN, _UNIQUE_ID))
    return bool(name)


def _all(statement: dict[str, Any], element: str) -> list[str]:
    found: list[str] = as_list(statement.get(element, statement.get("Not" + element, [])))
    return found



"""What all policies together say of one request, and why.

An explicit deny anywhere decides. Else the identity's policies must allow, and so must its permissions
boundary and its session's policies where there are any. A resource's policy may allow in place of the
identity's within one account; from another account both must allow.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from typing import Literal

import msgspec

from .patterns import Context
from .policy import Document, Statement
from .principal import Principal

Layer = Literal["identity-based policy", "permissions boundary", "session policy", "resource-based policy"]
_DIRECT = frozenset(("self", "role", "everyone"))  # a grant to the account only lets the account grant it


class Ask(msgspec.Struct, frozen=True):
    """A request as policies see it. ``context`` holds condition keys, in lower case, with their values."""

    principal: Principal
    action: str  # as "sqs:SendMessage"
    resource: str  # an ARN, or "*"
    context: Context = {}
    resource_account: str = ""  # whose it is; empty: the principal's own account


class Policy(msgspec.Struct, frozen=True):
    """A document under its name: an ARN, or an inline policy's name."""

    name: str
    document: Document
    kind: str = "IAM Policy"


class Policies(msgspec.Struct, frozen=True):
    """What limits a principal: its policies, its boundary, and those of its session (None: it has none)."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()  # of the principal, for aws:PrincipalTag
    context: tuple[tuple[str, str], ...] = ()  # what else the principal brings: condition keys and values

    @property
    def everything(self) -> bool:
        """Whether nothing needs to be evaluated: an administrator without any limit."""
        return self.boundary is None and self.session is None and any(
            _all(policy.document) for policy in self.identity) and not any(
            not statement.allows for policy in self.identity for statement in policy.document.statements)


class Matched(msgspec.Struct, frozen=True):
    """A statement that spoke of the request."""

    policy: Policy
    statement: Statement
    layer: Layer


class Decision(msgspec.Struct, frozen=True):
    """Whether the request may pass; ``because`` is AWS's own clause for why not."""

    allowed: bool
    explicit: bool  # denied by a statement that says so, not for want of one that allows
    because: str
    matched: tuple[Matched, ...]
    missing: tuple[str, ...]  # condition keys that statements ask for and the request doesn't say
    boundary_allows: bool = True

    def sentence(self, ask: Ask) -> str:
        """The refusal in AWS's words."""
        return (f"User: {ask.principal.arn} is not authorized to perform: {ask.action} "
                f"on resource: {ask.resource} {self.because}")


def evaluate(ask: Ask, policies: Policies, resource: Policy | None = None, *,
             resource_decides: bool = False) -> Decision:
    """Decide about ``ask``.

    ``resource_decides`` is for the trust policy of a role and the policy of a key: without their word the
    identity's policies are worth nothing, even within the account.
    """
    layers: list[tuple[Layer, tuple[Policy, ...]]] = [("identity-based policy", policies.identity)]
    if policies.boundary:
        layers.append(("permissions boundary", (policies.boundary,)))
    if policies.session is not None:
        layers.append(("session policy", policies.session))
    found = [Matched(policy, statement, layer) for layer, several in layers for policy in several
             for statement in policy.document.statements
             if statement.speaks_of(ask.action, ask.resource, ask.context)]
    grants = set()
    for statement in resource.document.statements if resource else ():
        how = statement.principals.match(ask.principal) if statement.principals else ""
        if how and statement.speaks_of(ask.action, ask.resource, ask.context):
            assert resource
            found.append(Matched(resource, statement, "resource-based policy"))
            if statement.allows:
                grants.add(how)
    denied = [each for each in found if not each.statement.allows]
    allowing = {each.layer for each in found if each.statement.allows}
    missing = _missing(ask, layers, resource)
    bounded = policies.boundary is None or "permissions boundary" in allowing
    if denied:
        article = "an" if denied[0].layer[0] == "i" else "a"
        because = f"with an explicit deny in {article} {denied[0].layer}"
        return Decision(False, True, because, tuple(denied), missing, bounded)
    lacking = _lacking(ask, policies, grants, allowing, resource_decides)
    because = f"because no {lacking} allows the {ask.action} action" if lacking else ""
    return Decision(not lacking, False, because, tuple(found), missing, bounded)


def _lacking(ask: Ask, policies: Policies, grants: set[str], allowing: set[Layer],
             resource_decides: bool) -> Layer | None:
    """The first layer that had to allow and did not."""
    principal = ask.principal
    if principal.kind in ("service", "anonymous"):
        return None if grants & _DIRECT else "resource-based policy"
    foreign = ask.resource_account not in ("", principal.account)
    direct = bool(grants & _DIRECT) and not foreign
    if (foreign or resource_decides) and not grants:
        return "resource-based policy"
    if direct and ("self" in grants or principal.kind == "user"):
        return None  # a grant to exactly this user or session passes over the limits of others
    if principal.kind != "root" and not direct and "identity-based policy" not in allowing:
        return "identity-based policy"
    if policies.boundary and "permissions boundary" not in allowing:
        return "permissions boundary"
    if policies.session is not None and "session policy" not in allowing:
        return "session policy"
    return None


def _missing(ask: Ask, layers: list[tuple[Layer, tuple[Policy, ...]]],
             resource: Policy | None) -> tuple[str, ...]:
    """Keys asked for by statements about this action and resource that the request doesn't say."""
    found: dict[str, None] = {}
    policies = [policy for _, several in layers for policy in several] + ([resource] if resource else [])
    for policy in policies:
        for statement in policy.document.statements:
            for condition in statement.conditions:
                if condition.key.lower() not in ask.context and statement.names_action(ask.action):
                    found.setdefault(condition.key)
    return tuple(found)


def _all(document: Document) -> bool:
    return any(s.allows and "*" in s.actions and not s.not_actions and s.resources and "*" in s.resources
               and not s.not_resources and not s.conditions for s in document.statements)

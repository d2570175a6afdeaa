"""The policy of a bus: PutPermission and RemovePermission, and what it says of who puts events.

Within its own account a bus's policy can only deny; what an account lets its own users do is IAM's to say,
before a request comes here. Another account, or a service that acts of its own, must be let in by it.
"""

import json
from typing import Any

from ...errors import AccessDeniedException, NotHonoured, ValidationException
from ...identity import grammar
from ...identity.policy import Malformed
from ...kernel import Call
from ...kernel.permissions import judge
from . import limits
from .errors import PolicyLengthExceededException, ResourceNotFoundException
from .records import Bus, own_bus, save
from .service import events

_ACTION = "events:PutEvents"
Config = dict[str, Any]


@events.operation
def put_permission(call: Call, event_bus_name: str | None = None, action: str | None = None,
                   principal: str | None = None, statement_id: str | None = None,
                   condition: Config | None = None, policy: str | None = None) -> None:
    """Let an account put events, or give the bus a whole policy."""
    bus = own_bus(call, event_bus_name)
    if policy is not None:
        if action or principal or statement_id or condition:
            raise ValidationException("Policy can't be given together with Action, Principal, StatementId or "
                                      "Condition.")
        _keep(call, bus, _checked(policy))
        return
    if not (action and principal and statement_id):
        raise ValidationException("Parameters Action, Principal and StatementId, or Policy, must be given.")
    if condition:
        raise NotHonoured("cloudlet has no organizations, so no account fulfils a Condition here.")
    if action != _ACTION:
        raise ValidationException("Provided value in parameter 'action' is not supported.")
    document = _document(bus)
    statements = [one for one in document["Statement"] if one.get("Sid") != statement_id]
    statements.append({
        "Sid": statement_id, "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": _ACTION, "Resource": bus.arn})
    _keep(call, bus, document | {"Statement": statements})


@events.operation
def remove_permission(call: Call, statement_id: str | None = None, remove_all_permissions: bool = False,
                      event_bus_name: str | None = None) -> None:
    """Take a statement back, or all of them."""
    bus = own_bus(call, event_bus_name)
    if remove_all_permissions:
        bus.policy = ""
        bus.modified_ms = call.now_ms
        save(call, bus)
        return
    document = _document(bus)
    left = [one for one in document["Statement"] if one.get("Sid") != statement_id]
    if not statement_id or len(left) == len(document["Statement"]):
        raise ResourceNotFoundException("Statement with the provided id does not exist.")
    _keep(call, bus, document | {"Statement": left})


def permit(call: Call, bus: Bus, source: str, detail_type: str, *, by_rule: bool = False) -> None:
    """Let the caller put such an event, or raise AccessDeniedException; ``call`` is of the bus's account."""
    own = call.principal.account == call.account  # a service acts for its account
    if own and not bus.policy:
        return
    verdict = judge(call, _ACTION, bus.arn, bus.policy, {
        "events:source": (source,), "events:detail-type": (detail_type,),
        "events:eventbusinvocation": (str(by_rule).lower(),)})
    if verdict.decision.explicit or not (own or verdict.allowed):
        raise AccessDeniedException(verdict.sentence)


def _document(bus: Bus) -> Config:
    document: Config = json.loads(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
    statements = document.get("Statement", [])
    return document | {"Statement": [statements] if isinstance(statements, dict) else list(statements)}


def _checked(text: str) -> Config:
    """A whole policy, which must be one of this bus."""
    try:
        return grammar.check(text, "resource")
    except Malformed as error:
        raise ValidationException(f"Parameter Policy is not valid. Reason: {error}") from None


def _keep(call: Call, bus: Bus, document: Config) -> None:
    bus.policy = json.dumps(document, separators=(",", ":")) if document.get("Statement") else ""
    if len(bus.policy) > limits.POLICY_LENGTH:
        raise PolicyLengthExceededException
    bus.modified_ms = call.now_ms
    save(call, bus)

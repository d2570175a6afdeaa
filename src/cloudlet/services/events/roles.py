"""Who acts for a target: the service of its own, a role that the target names, or the account.

A role must trust ``events.amazonaws.com``. One that does not exist lets nothing be done outside its account;
in it, it is as good as any, as long as an account's own policies are not enforced.
"""

from ...arn import Arn
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted, acting
from .errors import FailedToAssumeRole

_SESSION = "events"


def caller_of(call: Call, role_arn: str, target: Arn, rule_arn: str) -> Principal | None:
    """The principal that delivers; None for the service itself. An error if it can't be the role."""
    if role_arn:
        return _session(call, role_arn, rule_arn)
    if target.service == "events" and target.account not in ("", call.account):
        return root(call.account)
    return None


def _session(call: Call, arn: str, rule_arn: str) -> Principal:
    try:
        found = acting(call, arn, service_principal("events", call.account, rule_arn), _SESSION)
    except NotTrusted as error:
        raise FailedToAssumeRole(str(error)) from None
    account, name = Arn.parse(arn).account, arn.rpartition("/")[2]
    return found or Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/{_SESSION}", "role",
                              role_arn=arn)

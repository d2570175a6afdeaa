"""Who acts for a target: the service of its own, a role that the target names, or the account.

A role must trust ``events.amazonaws.com``. One that does not exist lets nothing be done outside its account;
in it, it is as good as any, as long as an account's own policies are not enforced.
"""

from urllib.parse import unquote

from ...arn import Arn
from ...errors import AwsError
from ...identity import Principal, root, service_principal
from ...identity.evaluation import Ask, Policies, Policy, evaluate
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of
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
    account, name = Arn.parse(arn).account, arn.rpartition("/")[2]
    itself = service_principal("events", call.account, rule_arn)
    id = ""
    try:
        role = call.invoke("iam", "GetRole", as_principal=itself, account=account, RoleName=name)["Role"]
    except AwsError:
        role = None
    if role is not None and role["Arn"] == arn:
        trust = Policy("trust", compiled(unquote(role["AssumeRolePolicyDocument"])), "Role trust policy")
        ask = Ask(itself, "sts:AssumeRole", arn, context_of(itself, Policies(), call.now_ms, {}), account)
        if not evaluate(ask, Policies(), trust, resource_decides=True).allowed:
            raise FailedToAssumeRole(f"{itself.arn} is not authorized to perform: sts:AssumeRole on {arn}.")
        id = f"{role['RoleId']}:{_SESSION}"
    return Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/{_SESSION}", "role", id,
                     role_arn=arn)

"""Execution roles: a schedule acts as a session of its target's role.

A role must let ``scheduler.amazonaws.com`` in, for the schedule's group (``aws:SourceArn``) and account. One
that does not exist here gives the account's own rights: an application can be tried before its roles are.
"""

from urllib.parse import unquote

from ...arn import Arn
from ...errors import AwsError, ValidationException
from ...identity import Principal, root, service_principal
from ...identity.evaluation import Ask, Policies, Policy, evaluate
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of


def acting(call: Call, role_arn: str, group_arn: str, session: str) -> Principal:
    """Who a schedule is to others; a ValidationException if the role does not let the scheduler in."""
    itself = service_principal("scheduler", call.account, group_arn)
    account, name = Arn.parse(role_arn).account, role_arn.rpartition("/")[2]
    if account != call.account:
        raise _closed()
    try:
        role = call.invoke("iam", "GetRole", as_principal=itself, RoleName=name)["Role"]
    except AwsError:
        return root(call.account)
    if role["Arn"] != role_arn:
        return root(call.account)
    trust = Policy("trust", compiled(unquote(role["AssumeRolePolicyDocument"])), "Role trust policy")
    ask = Ask(itself, "sts:AssumeRole", role_arn, context_of(itself, Policies(), call.now_ms, {}), account)
    if not evaluate(ask, Policies(), trust, resource_decides=True).allowed:
        raise _closed()
    return Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/{session}", "role",
                     f"{role['RoleId']}:{session}", role_arn=role_arn)


def _closed() -> ValidationException:
    return ValidationException(
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")

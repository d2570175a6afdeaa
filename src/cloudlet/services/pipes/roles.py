"""Execution roles: a pipe acts as a session of its role, which must let ``pipes.amazonaws.com`` in.

One that does not exist here gives the account's own rights: an application can be tried before its roles are.
"""

from urllib.parse import unquote

from ...arn import Arn
from ...errors import AwsError, ValidationException
from ...identity import Principal, root, service_principal
from ...identity.evaluation import Ask, Policies, Policy, evaluate
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of
from .records import Pipe


def acting(call: Call, pipe: Pipe) -> Principal:
    """Who a pipe is to others; a ValidationException if its role does not let pipes in."""
    itself = service_principal("pipes", call.account, pipe.arn)
    account, name = Arn.parse(pipe.role).account, pipe.role.rpartition("/")[2]
    if account != call.account:
        raise _closed(pipe)
    try:
        role = call.invoke("iam", "GetRole", as_principal=itself, RoleName=name)["Role"]
    except AwsError:
        return root(call.account)
    if role["Arn"] != pipe.role:
        return root(call.account)
    trust = Policy("trust", compiled(unquote(role["AssumeRolePolicyDocument"])), "Role trust policy")
    ask = Ask(itself, "sts:AssumeRole", pipe.role, context_of(itself, Policies(), call.now_ms, {}), account)
    if not evaluate(ask, Policies(), trust, resource_decides=True).allowed:
        raise _closed(pipe)
    return Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/{pipe.id}", "role",
                     f"{role['RoleId']}:{pipe.id}", role_arn=pipe.role)


def _closed(pipe: Pipe) -> ValidationException:
    return ValidationException(f"Unable to assume role {pipe.role}. Check the role's trust policy.")

"""Resource policies of streams and consumers: what other accounts may do with them."""

from ...identity.grammar import check
from ...identity.policy import Malformed, compiled
from ...kernel import Call
from .errors import AccessDeniedException, InvalidArgumentException, ResourceNotFoundException
from .held import Held, held
from .service import kinesis
from .stream import is_foreign


@kinesis.operation
def put_resource_policy(call: Call, resource_arn: str, policy: str) -> None:
    """Let the document be the policy of a stream or consumer, in place of any other."""
    one = _owned(call, resource_arn, "PutResourcePolicy")
    try:
        check(policy, "resource")
        document = compiled(policy)
    except Malformed as error:
        raise InvalidArgumentException(f"The policy is malformed: {error}") from None
    if not all(statement.names_resource(resource_arn, {}) for statement in document.statements):
        raise InvalidArgumentException(
            f"Every statement of the policy must be about {resource_arn}, which it is for.")
    one.keep(policy=policy)


@kinesis.operation
def get_resource_policy(call: Call, resource_arn: str) -> dict[str, str]:
    """The policy of a stream or consumer."""
    return {"Policy": _policy(_owned(call, resource_arn, "GetResourcePolicy"), resource_arn)}


@kinesis.operation
def delete_resource_policy(call: Call, resource_arn: str) -> None:
    """Let a stream or consumer have no policy."""
    one = _owned(call, resource_arn, "DeleteResourcePolicy")
    _policy(one, resource_arn)
    one.keep(policy="")


def _owned(call: Call, arn: str, action: str) -> Held:
    """What an ARN means; its policy is its owner's matter, whatever it says."""
    one = held(call, arn, action)
    if is_foreign(one.call):
        raise AccessDeniedException(f"The policy of {arn} is for the account {one.call.account} alone.")
    return one


def _policy(one: Held, arn: str) -> str:
    if not one.own.policy:
        raise ResourceNotFoundException(f"{arn} has no resource policy.")
    return one.own.policy

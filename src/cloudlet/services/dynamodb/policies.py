"""Resource policies of tables and of their streams: what other accounts may do with them.

A table's policy is asked when somebody of another account comes, who needs it to allow what he does; and
within the account for what it denies: what an account lets its own users do is IAM's to say, before a request
comes here.
"""


from msgspec.structs import replace

from ...arn import Arn
from ...fabric.shards import Stream
from ...identity import grammar
from ...identity.policy import Malformed, compiled
from ...kernel import Call
from . import tables
from .changes import streams
from .errors import (
    LimitExceededException,
    PolicyNotFoundException,
    ResourceNotFoundException,
    ValidationException,
)
from .limits import POLICY_BYTES
from .service import dynamodb
from .tables import Policy, Table

_NEW = "NO_POLICY"  # the revision that nobody has: the policy must not be there yet


@dynamodb.operation
def put_resource_policy(call: Call, resource_arn: str, policy: str, expected_revision_id: str | None = None,
                        confirm_remove_self_resource_access: bool = False) -> dict[str, str]:
    """Give a table or a stream its policy; the same again changes nothing."""
    there, held = _of(call, resource_arn, "PutResourcePolicy")
    present = _policy(held)
    _check_revision(present, expected_revision_id, put=True)
    if present.text == policy:
        return {"RevisionId": present.revision}
    made = _checked(there, policy, resource_arn)
    if not confirm_remove_self_resource_access and tables.is_denied(
            there, policy, "PutResourcePolicy", resource_arn):
        raise ValidationException("The policy would keep you from changing it again: confirm that with "
                                  "ConfirmRemoveSelfResourceAccess")
    _keep(there, held, made)
    return {"RevisionId": made.revision}


@dynamodb.operation
def get_resource_policy(call: Call, resource_arn: str) -> dict[str, str]:
    """The policy of a table or a stream."""
    present = _policy(_of(call, resource_arn, "GetResourcePolicy")[1])
    if not present.text:
        raise PolicyNotFoundException(f"Resource-based policy not found for the provided ResourceArn: "
                                      f"{resource_arn}")
    return {"Policy": present.text, "RevisionId": present.revision}


@dynamodb.operation
def delete_resource_policy(call: Call, resource_arn: str,
                           expected_revision_id: str | None = None) -> dict[str, str]:
    """Let a table or a stream have no policy; nothing happens if it has none."""
    there, held = _of(call, resource_arn, "DeleteResourcePolicy")
    present = _policy(held)
    _check_revision(present, expected_revision_id, put=False)
    if not present.text:
        return {}
    _keep(there, held, Policy())
    return {"RevisionId": present.revision}


def given(call: Call, table: Table, text: str) -> Table:
    """A new table with the policy that it is made with."""
    return replace(table, policy=_checked(call, text, tables.arn_of(call, table)))


def _of(call: Call, arn: str, action: str) -> tuple[Call, Table | Stream]:
    """What an ARN means: a table, or the stream of one."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise ValidationException(f"Invalid ResourceArn: {arn}") from None
    parts = parsed.resource.split("/")
    if parsed.service != "dynamodb" or parts[0] != "table" or not (
            len(parts) == 2 or (len(parts) == 4 and parts[2] == "stream")):
        raise ValidationException(f"Invalid ResourceArn: {arn}")
    there = call.elsewhere(account=parsed.account, region=parsed.region)
    found = tables.find(there, parts[1]) if len(parts) == 2 else streams.find(there, parsed.resource)
    if found is None:
        raise ResourceNotFoundException(f"Requested resource not found: {arn} not found")
    tables.permit_arn(there, arn, _policy(found).text, action)
    return there, found


def _policy(held: Table | Stream) -> Policy:
    return held.policy if isinstance(held, Table) else Policy(*held.about.get("policy", ()))


def _checked(call: Call, text: str, arn: str) -> Policy:
    if len(text.encode()) > POLICY_BYTES:
        raise LimitExceededException(f"Resource policy exceeds the limit of {POLICY_BYTES} bytes")
    try:
        grammar.check(text, "resource")
        document = compiled(text)
    except Malformed as error:
        raise ValidationException(f"Resource policy is malformed: {error}") from None
    for statement in document.statements:
        if not (statement.names_resource(arn, {}) or statement.names_resource(f"{arn}/index/x", {})):
            raise ValidationException(
                f"Resource policy must be about {arn} (or its indexes), which it is for"
            )
    return Policy(text, str(call.ids.ticket()))


def _check_revision(present: Policy, expected: str | None, *, put: bool) -> None:
    if expected is None or expected == present.revision or (put and expected == _NEW and not present.text):
        return
    raise PolicyNotFoundException("Resource-based policy not found for the provided ResourceArn: Requested "
                                  f"policy is not in its revision {expected}")


def _keep(call: Call, held: Table | Stream, policy: Policy) -> None:
    """Keep a table's policy with it; a stream's with the stream, where the service that reads it looks."""
    if isinstance(held, Table):
        tables.save(call, replace(held, policy=policy))
    else:
        streams.change(call, held, about=held.about | {"policy": [policy.text, policy.revision]})

"""Resource-based policies as whole documents: what AddPermission writes statement by statement."""

from typing import Any

from ...errors import NotHonoured
from ...identity.grammar import check
from ...identity.policy import Malformed, as_list, compiled
from ...kernel import Call
from .errors import InvalidParameterValueException, ResourceNotFoundException
from .permissions import Policy, check_target, find, policies, save, stale, text_of
from .records import LATEST, Name, arn_of, name_of
from .service import lambda_

Config = dict[str, Any]


@lambda_.operation
def put_resource_policy(call: Call, resource_arn: str, policy: str, revision_id: str | None = None) -> Config:
    """Let the document be the policy of a function, version or alias, in place of any other."""
    name = _named(call, resource_arn)
    check_target(call, name)
    _expect(find(call, name), revision_id)
    try:
        tree = check(policy, "resource")
        document = compiled(policy)
    except Malformed as error:
        raise InvalidParameterValueException(str(error)) from None
    own = arn_of(call, name.name, name.qualifier)
    if not all(statement.names_resource(own, {}) for statement in document.statements):
        raise InvalidParameterValueException(
            f"Every statement of the policy must be about {own}, which it is for.")
    statements = {str(each.get("Sid") or f" {n}"): each for n, each in enumerate(as_list(tree["Statement"]))}
    record = Policy("", statements, tree.get("Version", "2008-10-17"), tree.get("Id", "default"))
    save(call, name, record)
    return {"Policy": text_of(record), "RevisionId": record.revision}


@lambda_.operation
def get_resource_policy(call: Call, resource_arn: str) -> Config:
    """The policy of a function, version or alias."""
    record = _existing(find(call, _named(call, resource_arn)))
    return {"Policy": text_of(record), "RevisionId": record.revision}


@lambda_.operation
def delete_resource_policy(call: Call, resource_arn: str, revision_id: str | None = None) -> None:
    """Let the function, version or alias have no policy."""
    name = _named(call, resource_arn)
    _expect(_existing(find(call, name)), revision_id)
    policies.delete(call, name.name, name.qualifier or LATEST)


def _named(call: Call, arn: str) -> Name:
    if ":runtime/" in arn:
        raise NotHonoured(f"cloudlet keeps resource-based policies of functions only, not of {arn}.")
    name = name_of(call, arn)
    if (name.account, name.region) != (call.account, call.region):
        raise _absent()
    return name


def _existing(record: Policy | None) -> Policy:
    if record is None:
        raise _absent()
    return record


def _absent() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")


def _expect(record: Policy | None, revision: str | None) -> None:
    if revision and (record is None or revision != record.revision):
        raise stale("GetResourcePolicy")

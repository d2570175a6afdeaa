"""Who may do what with a topic: its policy, as far as it is not for its own account to say.

What an account lets its own users do is IAM's to say, before a request comes here; a topic's policy can
only deny it to them. A service that acts under its own name (S3, the event bus) must be let in by the
policy, as on AWS; one that acts with a role of its customer counts as that account.
"""

import json

from ...identity import Principal, root
from ...identity.evaluation import Policies
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of, sent
from .errors import AuthorizationErrorException
from .records import Topic, lookup

_BY_NAME = frozenset(("s3.amazonaws.com", "events.amazonaws.com"))
OWNERS = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic",
          "Subscribe", "ListSubscriptionsByTopic", "Publish")  # what the policy of a new topic speaks of


def authorize(call: Call, topic: Topic, action: str, **known: str) -> None:
    """Refuse unless the caller may do ``action`` with the topic, which is in the account of ``call``.

    ``known`` are condition keys of this request, with an underscore for the colon (``sns_Protocol``).
    """
    asker = _counting_as(call.principal)
    own = asker.kind not in ("service", "anonymous") and asker.account == call.account
    if own and not topic.policy:
        return
    verdict = _verdict(call, topic, asker, action, known)
    if verdict is False or (verdict is None and not own):
        why = "with an explicit deny in a resource-based policy" if verdict is False else (
            f"because no resource-based policy allows the SNS:{action} action")
        raise AuthorizationErrorException(f"User: {asker.arn} is not authorized to perform: SNS:{action} "
                                          f"on resource: {topic.arn} {why}")


def default_policy(arn: str, account: str) -> str:
    """The policy of a topic that was given none."""
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [{
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in OWNERS], "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}}}]}, separators=(",", ":"))


def policy_of(call: Call, arn: str) -> str:
    """The policy of the topic ``arn`` as JSON, for whoever evaluates policies."""
    there, topic = lookup(call, arn)
    return topic.policy or default_policy(topic.arn, there.account)


def _counting_as(principal: Principal) -> Principal:
    if principal.kind == "service" and principal.arn not in _BY_NAME:
        return root(principal.account)
    return principal


def _verdict(call: Call, topic: Topic, asker: Principal, action: str, known: dict[str, str]) -> bool | None:
    """True if the policy allows it, False if it denies it, None if it says nothing."""
    more = {name.replace("_", ":", 1).lower(): (value,) for name, value in known.items() if value}
    if asker.kind not in ("service", "anonymous"):
        more["aws:sourceowner"] = (asker.account,)
    context = context_of(asker, Policies(), call.now_ms, {**sent(call), **more})
    verdict = None
    for statement in compiled(topic.policy or default_policy(topic.arn, call.account)).statements:
        if (statement.principals and statement.principals.match(asker)
                and statement.speaks_of(f"SNS:{action}", topic.arn, context)):
            if not statement.allows:
                return False
            verdict = True
    return verdict

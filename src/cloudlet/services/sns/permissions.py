"""AddPermission and RemovePermission: single statements of a topic's policy."""

import json
import re
from typing import Any

from ...kernel import Call
from . import access, attributes
from .errors import invalid
from .records import Topic, lookup, topics
from .service import sns

_ACCOUNT = re.compile(r"\d{12}")


@sns.operation
def add_permission(call: Call, topic_arn: str, label: str, aws_account_id: list[str],
                   action_name: list[str]) -> None:
    """Let other accounts do something with a topic."""
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "AddPermission")
    document = _document(there, topic)
    if any(statement.get("Sid") == label for statement in document["Statement"]):
        raise invalid("Statement already exists")
    if not aws_account_id or not all(_ACCOUNT.fullmatch(account) for account in aws_account_id):
        raise invalid("AWSAccountId")
    if not action_name:
        raise invalid("ActionName")
    document["Statement"].append({
        "Sid": label, "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in aws_account_id])},
        "Action": _one_or_all([f"SNS:{action}" for action in action_name]), "Resource": topic.arn})
    _keep(there, topic, document)


@sns.operation
def remove_permission(call: Call, topic_arn: str, label: str) -> None:
    """Take back what AddPermission gave under ``label``; a label that is not there is no error."""
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "RemovePermission")
    document = _document(there, topic)
    document["Statement"] = [one for one in document["Statement"] if one.get("Sid") != label]
    _keep(there, topic, document)


def _document(call: Call, topic: Topic) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(topic.policy or access.default_policy(topic.arn, call.account))
    statements = document.get("Statement", [])
    return document | {"Statement": [statements] if isinstance(statements, dict) else list(statements)}


def _keep(call: Call, topic: Topic, document: dict[str, Any]) -> None:
    topic.policy = attributes.check_policy(json.dumps(document, separators=(",", ":")), "")
    topics.put(call, topic.name, record=topic)


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values

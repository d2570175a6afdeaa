"""Who but the owner may do what with a queue: its resource policy.

The policy is a document like any other, in the queue's ``Policy`` attribute; AddPermission and
RemovePermission edit its statements. :func:`.queue.permit` applies them.
"""

import json
import re
from typing import Any

from ...kernel import Call
from . import limits
from .errors import InvalidParameterValueException, OverLimit, invalid, missing
from .queue import SHARED, Queue, lookup, save
from .service import sqs

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"\d{12}")
_ACTIONS = SHARED | {"*"}


@sqs.operation
def add_permission(call: Call, queue_url: str, label: str, aws_account_ids: list[str],
                   actions: list[str]) -> None:
    """Let other accounts do something with a queue."""
    call, queue = lookup(call, queue_url, "AddPermission")
    _check(label, aws_account_ids, actions)
    document = json.loads(queue.policy) if queue.policy else {
        "Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    statements = _statements(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise invalid(label, "Label", "Already exists.")
    statements.append({
        "Sid": label, "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in aws_account_ids])},
        "Action": _one_or_all([f"SQS:{action}" for action in actions]), "Resource": queue.arn})
    _keep(call, queue, document, statements)


@sqs.operation
def remove_permission(call: Call, queue_url: str, label: str) -> None:
    """Take back what AddPermission gave under ``label``."""
    call, queue = lookup(call, queue_url, "RemovePermission")
    document = json.loads(queue.policy) if queue.policy else {}
    statements = _statements(document)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise invalid(label, "Label", "can't find label.")
    _keep(call, queue, document, left)


def _check(label: str, accounts: list[str], actions: list[str]) -> None:
    if not _LABEL.fullmatch(label):
        raise invalid(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. "
                                      "1 to 80 in length")
    if not actions:
        raise missing("Actions")
    if not accounts or not all(_ACCOUNT.fullmatch(account or "") for account in accounts):
        raise invalid(f"[{', '.join(map(str, accounts))}]", "PrincipalId", "Unable to verify.")
    if len(actions) > limits.PERMISSION_ACTIONS:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {limits.PERMISSION_ACTIONS}.")
    for action in actions:
        if action not in _ACTIONS:
            raise InvalidParameterValueException(
                f"Value SQS:{action} for parameter ActionName is invalid. Reason: Please refer to the "
                "appropriate WSDL for a list of valid actions. ")


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document.get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def _keep(call: Call, queue: Queue, document: dict[str, Any], statements: list[dict[str, Any]]) -> None:
    queue.policy = json.dumps(document | {"Statement": statements}) if statements else ""
    queue.modified_ms = call.now_ms
    save(call, queue)


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values

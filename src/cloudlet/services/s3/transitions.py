"""Lifecycle rules that move objects to other storage classes, and never back to a warmer one.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
"""

from typing import Any

from . import errors
from .limits import TRANSITION_DAYS, TRANSITION_MINIMUM
from .locks import DAY_MS
from .nouns import Object

EVERY, VARIES = "all_storage_classes_128K", "varies_by_storage_class"
_CLASSES = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
Rule = dict[str, Any]


def check(rule: Rule) -> None:
    """Refuse transitions that S3 would refuse."""
    for kind, member in (("Transition", "Days"), ("NoncurrentVersionTransition", "NoncurrentDays")):
        steps, days = rule.get(f"{kind}s") or (), [-1]
        for step in steps:
            if step.get("StorageClass") not in _CLASSES:
                raise errors.MalformedXML
            if (step.get(member) is None) == (step.get("Date") is None):
                raise errors.MalformedXML
            if step.get("Date") and step["Date"].timestamp() * 1000 % DAY_MS:
                raise errors.InvalidArgument("'Date' must be at midnight GMT")
            least = TRANSITION_DAYS.get(step["StorageClass"], 0)
            if step.get(member) is not None and step[member] < least:
                raise errors.InvalidArgument(f"'{member}' in {kind} action must be greater than or equal to "
                                             f"{least} for storageClass '{step['StorageClass']}'")
            days.append(step.get(member) or 0)
        if len({step["StorageClass"] for step in steps}) != len(steps):
            raise errors.InvalidRequest(f"{kind} actions of a rule must have different storage classes.")
        last = rule.get("Expiration" if kind == "Transition" else "NoncurrentVersionExpiration") or {}
        if steps and last.get(member) is not None and last[member] <= max(days):
            name = "Expiration" if kind == "Transition" else "NoncurrentVersionExpiration"
            raise errors.InvalidArgument(f"'{member}' in the {name} action must be greater than '{member}' "
                                         f"in the {kind} action")


def due(rule: Rule, obj: Object, since_ms: int, now_ms: int, minimum: str, *,
        newer: int | None = None) -> str:
    """The coldest class that a rule wants for a version now; empty if it is cold enough.

    ``newer`` is how many noncurrent versions are newer, None for a current one, and ``since_ms`` when it
    became what it is.
    """
    steps = rule.get("Transitions" if newer is None else "NoncurrentVersionTransitions") or ()
    wanted = ""
    for step in steps:
        days = step.get("Days" if newer is None else "NoncurrentDays")
        at_ms = midnight_after(since_ms, days) if days is not None else step["Date"].timestamp() * 1000
        keep = step.get("NewerNoncurrentVersions") or 0
        over = at_ms <= now_ms and (newer is None or newer >= keep)
        if over and rank(step["StorageClass"]) > rank(wanted) and _is_large_enough(
                rule, obj, step["StorageClass"], minimum):
            wanted = step["StorageClass"]
    return wanted if rank(wanted) > rank(obj.storage_class) else ""


def midnight_after(moment_ms: int, days: int) -> int:
    """The midnight that comes after so many days."""
    return -(-(moment_ms + days * DAY_MS) // DAY_MS) * DAY_MS


def _is_large_enough(rule: Rule, obj: Object, wanted: str, minimum: str) -> bool:
    where = rule.get("Filter") or {}
    where = where.get("And") or where
    if where.get("ObjectSizeGreaterThan") is not None or where.get("ObjectSizeLessThan") is not None:
        return True  # a rule that speaks of sizes means what it says
    return obj.size >= TRANSITION_MINIMUM or (minimum == VARIES and wanted in _ARCHIVES)


def rank(storage_class: str) -> int:
    """How cold a storage class is."""
    return _CLASSES.index(storage_class) if storage_class in _CLASSES else -1

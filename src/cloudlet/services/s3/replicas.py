"""Which rule lets an object be replicated, and where to: decided when it is written, acted on right after.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html
"""

from typing import Any

from ...fabric import timers
from ...kernel import Call
from .nouns import Bucket, Object, configuration

PENDING, COMPLETED, FAILED, REPLICA = "PENDING", "COMPLETED", "FAILED", "REPLICA"
_ARN = "arn:aws:s3:::"
Rule = dict[str, Any]


def rules_for(call: Call, bucket: Bucket, key: str, obj: Object) -> list[Rule]:
    """For each destination, the rule of the highest priority that speaks of a version."""
    if "replication" not in bucket.configured or not obj.version:
        return []
    found: dict[str, Rule] = {}
    rules = configuration(call, bucket, "replication")["Rules"]
    for rule in sorted(rules, key=lambda rule: -(rule.get("Priority") or 0)):
        if rule["Status"] == "Enabled" and _applies(rule, key, obj) and (
                obj.replication != REPLICA or is_enabled(rule, "ReplicaModifications")):
            found.setdefault(rule["Destination"]["Bucket"], rule)
    return list(found.values())


def offer(call: Call, bucket: Bucket, key: str, obj: Object) -> None:
    """Let a version that was written or changed be replicated, if a rule wants it; it says so itself."""
    if not rules_for(call, bucket, key, obj):
        return
    if not obj.marker and obj.replication != REPLICA:
        obj.replication = PENDING
    timers.schedule(call.elsewhere(service="s3", account=bucket.account, region=bucket.region), "replicate",
                    at_ms=call.now_ms, id=f"s3-replicate-{bucket.name}/{key}/{obj.sequence}",
                    bucket=bucket.name, key=key, version=obj.version)


def bucket_of(rule: Rule) -> str:
    """The name of a rule's destination."""
    return str(rule["Destination"]["Bucket"]).removeprefix(_ARN)


def is_enabled(rule: Rule, choice: str) -> bool:
    """Whether a rule's SourceSelectionCriteria enable that."""
    chosen = (rule.get("SourceSelectionCriteria") or {}).get(choice) or {}
    return bool(chosen.get("Status") == "Enabled")


def _applies(rule: Rule, key: str, obj: Object) -> bool:
    where = rule.get("Filter") or {}
    both = where.get("And") or where
    prefix = rule.get("Prefix") or both.get("Prefix") or ""
    tags = list(both.get("Tags") or ()) + ([both["Tag"]] if both.get("Tag") else [])
    if obj.marker:
        wanted = (rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled"
        # rules of the first version, which have no filter, take markers along
        wanted = (wanted or "Filter" not in rule) and not tags
    else:
        wanted = not (obj.envelope and obj.envelope.key_arn) or is_enabled(rule, "SseKmsEncryptedObjects")
    return wanted and key.startswith(prefix) and all(
        obj.tags.get(tag["Key"]) == tag["Value"] for tag in tags)

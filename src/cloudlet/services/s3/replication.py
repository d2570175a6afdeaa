"""Replication: versions that are written to one bucket and then to others, in whatever region.

A copy has its version's id, moment and metadata, and refers to the same files. It is made by a timer that is
due at once, in the source's account and by the role of the configuration, so a destination that refuses it
fails it and not the write.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
"""

from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...identity import Principal, service_principal
from ...kernel import Call
from ...kernel.roles import acting
from . import access, acls, drafts, encryption, errors, notifications, replicas, versions
from .discarding import content_of
from .limits import REPLICATION_RULES_LIMIT
from .names import check_key
from .nouns import Bucket, Object, buckets, configuration, configure, find_bucket
from .replicas import COMPLETED, FAILED, PENDING, REPLICA, Rule
from .service import s3

_NOT_HAD = {"ExistingObjectReplication": "what was there before", "ReplicationTime": "within a promised time",
            "Metrics": "with metrics"}
_SESSION = "s3-replication"
_SCHEMA = ("must be specified for this version of Cross Region Replication configuration schema. Please "
           "refer to S3 Developer Guide for more information.")


@s3.operation
def put_bucket_replication(call: Call, bucket: str, replication_configuration: dict[str, Any],
                           expected_bucket_owner: str | None = None) -> None:
    """Set what is replicated to where."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutReplicationConfiguration")
    if found.versioning != "Enabled":
        raise errors.InvalidRequest("Versioning must be 'Enabled' on the bucket to apply a replication "
                                    "configuration")
    rules: list[Rule] = replication_configuration["Rules"]
    if not 1 <= len(rules) <= REPLICATION_RULES_LIMIT:
        raise errors.MalformedXML
    for rule in rules:
        rule["ID"] = rule.get("ID") or call.ids.text(48)
        _check(call, rule)
    _check_role(replication_configuration["Role"])
    if len({rule["ID"] for rule in rules}) != len(rules):
        raise errors.InvalidArgument("Rule ID must be unique. Found same ID for one or more rules.")
    priorities = [rule["Priority"] for rule in rules if rule.get("Priority") is not None]
    if len(set(priorities)) != len(priorities):
        raise errors.InvalidRequest("Found duplicate priorities in the replication configuration.")
    configure(call, found, "replication", replication_configuration)


@s3.operation
def get_bucket_replication(call: Call, bucket: str,
                           expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """What is replicated to where."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetReplicationConfiguration")
    held = configuration(call, found, "replication")
    if held is None:
        raise errors.ReplicationConfigurationNotFoundError(BucketName=bucket)
    return {"ReplicationConfiguration": held}


@s3.operation
def delete_bucket_replication(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Replicate nothing from now on."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutReplicationConfiguration")
    configure(call, found, "replication", None)


@s3.task
def replicate(call: Call, bucket: str, key: str, version: str) -> None:
    """Copy a version to where its bucket's rules want it; the version says how that went."""
    source = buckets.get(call, bucket)
    obj = versions.find(call, source, check_key(key), version) if source else None
    if source is None or obj is None:
        return
    rules = replicas.rules_for(call, source, key, obj)
    state = COMPLETED if rules else FAILED  # none: they were taken away meanwhile
    for rule in rules:
        try:
            with call.tx.savepoint():
                _copy(call, source, key, obj, rule)
        except AwsError:
            state = FAILED
            notifications.emit(call, source, "s3:Replication:OperationFailedReplication", key, obj)
    if obj.replication == PENDING:
        obj.replication = state
        versions.save(call, source, check_key(key), obj)


def _copy(call: Call, source: Bucket, key: str, obj: Object, rule: Rule) -> None:
    target = find_bucket(call, replicas.bucket_of(rule))
    there = call.elsewhere(account=target.account, region=target.region, principal=_role(call, source))
    access.authorize(there, target, "s3:ReplicateDelete" if obj.marker else "s3:ReplicateObject", key)
    if target.versioning != "Enabled":
        raise errors.InvalidRequest("Destination bucket must have versioning enabled.")
    raw, wanted = check_key(key), rule["Destination"]
    known = versions.find(call, target, raw, obj.version)
    if known is None and obj.replication == REPLICA:
        return  # what is changed about a replica goes where its version is, and the version nowhere else
    copy = msgspec.structs.replace(obj, replication=REPLICA, restoring_ms=0, restored_until_ms=0)
    if "AccessControlTranslation" in wanted or target.acls_disabled:
        copy.owner, copy.grants = target.account, acls.private(target.account)
    storage_class = wanted.get("StorageClass")
    if storage_class:
        copy.storage_class = "" if storage_class == "STANDARD" else storage_class
    if obj.envelope and obj.envelope.key_arn:
        secret = encryption.key_of(call, obj.envelope, encryption.CustomerKey())
        arn = wanted["EncryptionConfiguration"]["ReplicaKmsKeyID"]
        copy.envelope = encryption.wrapped(there, target, secret or b"", arn, obj.envelope)
    pieces = [msgspec.structs.replace(piece) for piece in content_of(call, source.name, raw, obj)]
    if known is None:
        versions.insert(call, target, raw, copy, pieces)
        event = "s3:ObjectRemoved:DeleteMarkerCreated" if obj.marker else "s3:ObjectCreated:Put"
        notifications.emit(there, target, event, key, copy)
    else:
        known.tags, known.metadata, known.grants = copy.tags, copy.metadata, copy.grants
        known.lock_mode, known.lock_until_ms = obj.lock_mode, obj.lock_until_ms
        known.legal_hold = obj.legal_hold
        versions.save(call, target, raw, known)


def _role(call: Call, source: Bucket) -> Principal:
    """The session of the configuration's role; one that nobody made is taken at its word."""
    arn = configuration(call, source, "replication")["Role"]
    itself = service_principal("s3", source.account, f"arn:aws:s3:::{source.name}")
    name = arn.rpartition("/")[2]
    return acting(call, arn, itself, _SESSION) or Principal(
        source.account, f"arn:aws:sts::{source.account}:assumed-role/{name}/{_SESSION}", "role", role_arn=arn)


def _check_role(arn: str) -> None:
    try:
        found = Arn.parse(arn)
    except ValueError:
        found = None
    if found is None or found.service != "iam" or not found.resource.startswith("role/"):
        raise errors.InvalidArgument("Role ARN is not valid.", ArgumentName="Role", ArgumentValue=arn)


def _check(call: Call, rule: Rule) -> None:
    """Refuse a rule that S3 would refuse, or that can't be honoured."""
    if rule.get("Filter") is not None and rule.get("Priority") is None:
        raise errors.InvalidRequest(f"Priority {_SCHEMA}")
    if rule.get("Filter") is not None and "DeleteMarkerReplication" not in rule:
        raise errors.InvalidRequest(f"DeleteMarkerReplication {_SCHEMA}")
    wanted = rule["Destination"]
    for name, what in _NOT_HAD.items():
        if ((rule | wanted).get(name) or {}).get("Status") == "Enabled":
            raise NotHonoured(f"cloudlet does not replicate {what} ({name}), and refuses it rather than "
                              "ignore it.")
    kms = replicas.is_enabled(rule, "SseKmsEncryptedObjects")
    if kms != bool((wanted.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")):
        raise errors.InvalidRequest("SseKmsEncryptedObjects must be enabled if and only if ReplicaKmsKeyID "
                                    "is specified.")
    target = buckets.get(call, replicas.bucket_of(rule))
    if target is None:
        raise errors.InvalidRequest("Destination bucket must exist.")
    if target.versioning != "Enabled":
        raise errors.InvalidRequest("Destination bucket must have versioning enabled.")
    if wanted.get("Account", target.account) != target.account:
        raise errors.InvalidRequest("Account must own the destination bucket.")
    if wanted.get("StorageClass"):
        drafts.storage_class_of(wanted["StorageClass"])

"""Replication: copies in other buckets and regions, and what both sides say of them."""

import itertools
import json

import pytest

_numbers = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/replicator"


@pytest.fixture
def pair(cloudlet, s3):
    """Two buckets with versions, the second in another region."""
    names = [f"{kind}-{next(_numbers)}" for kind in ("source", "target")]
    s3.create_bucket(Bucket=names[0])
    cloudlet.client("s3", region="eu-west-1").create_bucket(
        Bucket=names[1], CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name in names:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return names


def rule(target, **more):
    return {"Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {
                "Bucket": f"arn:aws:s3:::{target}"}} | more


def replicate(s3, source, *rules):
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": ROLE, "Rules": list(rules)})


def status(s3, bucket, key="k"):
    return lambda: s3.head_object(Bucket=bucket, Key=key).get("ReplicationStatus")


@pytest.mark.parametrize("size", [3, 100_000])
def test_a_new_version_is_copied_as_it_is(s3, pair, eventually, size):
    source, target = pair
    replicate(s3, source, rule(target))
    put = s3.put_object(Bucket=source, Key="k", Body=b"x" * size, Metadata={"a": "b"}, Tagging="t=1",
                        ContentType="text/x")
    assert eventually(status(s3, source), "COMPLETED") == "COMPLETED"
    got = s3.get_object(Bucket=target, Key="k")
    assert (got["ReplicationStatus"], got["VersionId"], got["ETag"]) == (
        "REPLICA",
        put["VersionId"],
        put["ETag"],
    )
    assert (got["Metadata"], got["ContentType"], got["Body"].read()) == ({"a": "b"}, "text/x", b"x" * size)
    s3.delete_object(Bucket=source, Key="k", VersionId=put["VersionId"])
    assert s3.get_object(Bucket=target, Key="k")["Body"].read() == b"x" * size
    s3.put_object_tagging(Bucket=target, Key="k", Tagging={"TagSet": []})


def test_only_what_a_rule_speaks_of_is_copied(s3, pair, eventually):
    source, target = pair
    replicate(
        s3, source, rule(target, Filter={"And": {"Prefix": "in/", "Tags": [{"Key": "a", "Value": "1"}]}})
    )
    for key, tags in (("in/no", ""), ("out", "a=1"), ("in/yes", "a=1")):
        s3.put_object(Bucket=source, Key=key, Body=b"x", Tagging=tags)
    assert eventually(status(s3, source, "in/yes"), "COMPLETED") == "COMPLETED"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=target)["Contents"]] == ["in/yes"]
    assert status(s3, source, "out")() is None


def test_tags_follow_their_object(s3, pair, eventually):
    source, target = pair
    replicate(s3, source, rule(target))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    eventually(status(s3, source), "COMPLETED")
    tags = [{"Key": "late", "Value": "1"}]
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": tags})
    assert eventually(lambda: s3.get_object_tagging(Bucket=target, Key="k")["TagSet"], tags) == tags


@pytest.mark.parametrize("along", ["Enabled", "Disabled"])
def test_delete_markers_follow_if_they_are_to(s3, pair, eventually, along):
    source, target = pair
    replicate(s3, source, rule(target, DeleteMarkerReplication={"Status": along}))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    eventually(status(s3, source), "COMPLETED")
    s3.delete_object(Bucket=source, Key="k")
    s3.put_object(Bucket=source, Key="after", Body=b"x")
    eventually(status(s3, source, "after"), "COMPLETED")
    markers = lambda: len(s3.list_object_versions(Bucket=target).get("DeleteMarkers", ()))  # noqa: E731
    wanted = 1 if along == "Enabled" else 0
    assert eventually(markers, wanted) == wanted


def test_two_buckets_may_copy_to_each_other(s3, pair, eventually):
    one, other = pair
    replicate(s3, one, rule(other))
    replicate(s3, other, rule(one))
    s3.put_object(Bucket=one, Key="a", Body=b"1")
    s3.put_object(Bucket=other, Key="b", Body=b"2")
    assert eventually(status(s3, one, "a"), "COMPLETED") == "COMPLETED"
    assert eventually(status(s3, other, "b"), "COMPLETED") == "COMPLETED"
    for name in pair:
        assert [found["Key"] for found in s3.list_objects_v2(Bucket=name)["Contents"]] == ["a", "b"]
        assert len(s3.list_object_versions(Bucket=name)["Versions"]) == 2


def test_another_account_s_bucket_must_let_copies_in(cloudlet, s3, pair, eventually):
    source, _ = pair
    theirs, target = cloudlet.client("s3", key="000000000009"), f"theirs-{next(_numbers)}"
    theirs.create_bucket(Bucket=target)
    theirs.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    replicate(s3, source, rule(target, Destination={
        "Bucket": f"arn:aws:s3:::{target}", "Account": "000000000009", "StorageClass": "STANDARD_IA",
        "AccessControlTranslation": {"Owner": "Destination"}}))
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert eventually(status(s3, source), "FAILED") == "FAILED"
    theirs.put_bucket_policy(Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "s3:ReplicateObject",
        "Resource": f"arn:aws:s3:::{target}/*"}}))
    s3.put_object(Bucket=source, Key="k2", Body=b"x")
    assert eventually(status(s3, source, "k2"), "COMPLETED") == "COMPLETED"
    assert theirs.get_object(Bucket=target, Key="k2")["StorageClass"] == "STANDARD_IA"


def test_encrypted_objects_are_copied_under_the_key_of_the_rule(s3, pair, eventually):
    source, target = pair
    key = "arn:aws:kms:eu-west-1:000000000000:key/there"
    replicate(
        s3,
        source,
        rule(
            target,
            SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
            Destination={
                "Bucket": f"arn:aws:s3:::{target}",
                "EncryptionConfiguration": {"ReplicaKmsKeyID": key},
            },
        ),
    )
    s3.put_object(Bucket=source, Key="k", Body=b"y" * 50_000, ServerSideEncryption="aws:kms")
    assert eventually(status(s3, source), "COMPLETED") == "COMPLETED"
    got = s3.get_object(Bucket=target, Key="k")
    assert (got["SSEKMSKeyId"], got["Body"].read()) == (key, b"y" * 50_000)


def test_a_role_that_s3_may_not_have_copies_nothing(cloudlet, s3, pair, eventually):
    source, target = pair
    iam = cloudlet.client("iam")
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    arn = iam.create_role(RoleName="stranger", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": arn, "Rules": [rule(target)]})
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert eventually(status(s3, source), "FAILED") == "FAILED"
    trust["Statement"]["Principal"] = {"Service": "s3.amazonaws.com"}
    iam.update_assume_role_policy(RoleName="stranger", PolicyDocument=json.dumps(trust))
    s3.put_object(Bucket=source, Key="k", Body=b"y")
    assert eventually(status(s3, source), "COMPLETED") == "COMPLETED"


def test_a_stack_s_buckets_are_replicated(cloudlet, s3, eventually):
    cloudformation = cloudlet.client("cloudformation")
    versions = {"VersioningConfiguration": {"Status": "Enabled"}}
    template = {"Resources": {
        "Target": {"Type": "AWS::S3::Bucket", "Properties": {**versions, "LifecycleConfiguration": {"Rules": [
            {"Status": "Enabled", "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 5}]}]}}},
        "Source": {"Type": "AWS::S3::Bucket", "Properties": {**versions, "ReplicationConfiguration": {
            "Role": ROLE, "Rules": [{
                "Status": "Enabled", "Priority": 1, "DeleteMarkerReplication": {"Status": "Disabled"},
                "Filter": {"And": {"Prefix": "in/", "TagFilters": [{"Key": "a", "Value": "1"}]}},
                "Destination": {"Bucket": {"Fn::GetAtt": ["Target", "Arn"]}}}]}}}},
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("Source", "Target")}}
    cloudformation.create_stack(StackName="copies", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="copies", WaiterConfig={"Delay": 1})
    found = cloudformation.describe_stacks(StackName="copies")["Stacks"][0]["Outputs"]
    names = {one["OutputKey"]: one["OutputValue"] for one in found}
    s3.put_object(Bucket=names["Source"], Key="in/k", Body=b"x", Tagging="a=1")
    assert eventually(status(s3, names["Source"], "in/k"), "COMPLETED") == "COMPLETED"
    assert s3.get_object(Bucket=names["Target"], Key="in/k")["Body"].read() == b"x"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=names["Target"])["Rules"]
    assert rules[0]["Transitions"] == [{"Days": 5, "StorageClass": "GLACIER"}]


def test_what_is_changed_about_a_replica_comes_back_if_it_shall(s3, pair, bucket, eventually):
    both = {"SourceSelectionCriteria": {"ReplicaModifications": {"Status": "Enabled"}}}
    source, target = pair
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    replicate(s3, source, rule(target))
    replicate(s3, target, rule(source, **both), rule(bucket, Priority=2, **both))

    def tags(where):
        return lambda: {one["Key"] for one in s3.get_object_tagging(Bucket=where, Key="k")["TagSet"]}

    s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert eventually(status(s3, source), "COMPLETED") == "COMPLETED"
    s3.put_object_tagging(Bucket=target, Key="k", Tagging={"TagSet": [{"Key": "back", "Value": ""}]})
    assert eventually(tags(source), {"back"}) == {"back"}
    assert (status(s3, source)(), status(s3, target)()) == ("COMPLETED", "REPLICA")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)  # a replica is not copied on
    s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [{"Key": "there", "Value": ""}]})
    assert eventually(tags(target), {"there"}) == {"there"}
    replicate(s3, target, rule(source))
    s3.put_object_tagging(Bucket=target, Key="k", Tagging={"TagSet": []})
    s3.put_object(Bucket=target, Key="own", Body=b"x")
    assert eventually(status(s3, target, "own"), "COMPLETED") == "COMPLETED"
    assert tags(source)() == {"there"}


def test_a_rule_that_can_t_be_kept_is_refused(s3, pair, bucket, refused):
    source, target = pair
    with refused("InvalidRequest"):
        replicate(s3, bucket, rule(target))
    with refused("InvalidRequest"):
        replicate(s3, source, rule(bucket))
    with refused("InvalidRequest"):
        replicate(s3, source, rule("is-not-there"))
    with refused("NotHonoured"):
        replicate(s3, source, rule(target, Destination={
            "Bucket": f"arn:aws:s3:::{target}", "Metrics": {"Status": "Enabled"},
            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}}}))
    with refused("ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=source)
    replicate(s3, source, rule(target))
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Role"] == ROLE
    s3.delete_bucket_replication(Bucket=source)

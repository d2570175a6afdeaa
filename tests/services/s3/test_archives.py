"""Storage classes on the clock: transitions, archives, and what was restored from them."""

import json

import pytest

DAY = 86_400
LARGE = b"x" * (128 << 10)


@pytest.fixture
def clocked(fresh):
    """A cloudlet whose clock a test moves, a client of it, and a bucket."""
    cloudlet = fresh()
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="cold")
    return cloudlet, s3


def rules(s3, *given, **more):
    s3.put_bucket_lifecycle_configuration(Bucket="cold", LifecycleConfiguration={"Rules": [
        {"ID": str(n), "Status": "Enabled", "Filter": {}} | rule for n, rule in enumerate(given)]}, **more)


def class_of(s3, key, **which):
    return s3.head_object(Bucket="cold", Key=key, **which).get("StorageClass", "STANDARD")


def test_an_archived_object_is_not_read(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "GLACIER"
    with refused("InvalidObjectState") as error:
        s3.get_object(Bucket=bucket, Key="k")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with refused("InvalidObjectState"):
        s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x", StorageClass="GLACIER_IR")
    assert s3.get_object(Bucket=bucket, Key="warm")["Body"].read() == b"x"
    with refused("InvalidObjectState"):
        s3.restore_object(Bucket=bucket, Key="warm", RestoreRequest={"Days": 1})


def test_a_restored_object_is_read_for_so_many_days(clocked, refused, eventually):
    cloudlet, s3 = clocked
    s3.put_object(Bucket="cold", Key="k", Body=b"x", StorageClass="DEEP_ARCHIVE")
    state = lambda: s3.head_object(Bucket="cold", Key="k").get("Restore", "")  # noqa: E731
    begun = s3.restore_object(Bucket="cold", Key="k", RestoreRequest={
        "Days": 2, "GlacierJobParameters": {"Tier": "Standard"}})
    assert begun["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert state() == 'ongoing-request="true"'
    with refused("RestoreAlreadyInProgress"):
        s3.restore_object(Bucket="cold", Key="k", RestoreRequest={"Days": 2})
    cloudlet.advance(11 * 3600)
    with refused("InvalidObjectState"):
        s3.get_object(Bucket="cold", Key="k")
    cloudlet.advance(3600)
    assert eventually(lambda: state().startswith('ongoing-request="false", expiry-date="'), True)
    assert s3.get_object(Bucket="cold", Key="k")["Body"].read() == b"x"
    longer = s3.restore_object(Bucket="cold", Key="k", RestoreRequest={"Days": 9})
    assert longer["ResponseMetadata"]["HTTPStatusCode"] == 200
    cloudlet.advance(8 * DAY)
    assert s3.get_object(Bucket="cold", Key="k")["Body"].read() == b"x"
    cloudlet.advance(2 * DAY)
    assert eventually(state, "") == ""
    with refused("InvalidObjectState"):
        s3.get_object(Bucket="cold", Key="k")


def test_expedited_restores_are_not_for_deep_archives(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="DEEP_ARCHIVE")
    with refused("MalformedXML"):
        s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={
            "Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})


def test_objects_grow_cold_by_rule(clocked, eventually):
    cloudlet, s3 = clocked
    rules(s3, {"Filter": {"Prefix": "logs/"}, "Transitions": [
        {"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}]})
    s3.put_object(Bucket="cold", Key="logs/large", Body=LARGE)
    s3.put_object(Bucket="cold", Key="logs/small", Body=b"x")
    s3.put_object(Bucket="cold", Key="other", Body=LARGE)
    cloudlet.advance(29 * DAY)
    assert class_of(s3, "logs/large") == "STANDARD"
    cloudlet.advance(2 * DAY)
    assert eventually(lambda: class_of(s3, "logs/large"), "STANDARD_IA") == "STANDARD_IA"
    cloudlet.advance(30 * DAY)
    assert eventually(lambda: class_of(s3, "logs/large"), "GLACIER") == "GLACIER"
    assert [class_of(s3, key) for key in ("logs/small", "other")] == ["STANDARD", "STANDARD"]


def test_small_objects_go_to_archives_if_they_may(clocked, eventually):
    cloudlet, s3 = clocked
    rules(s3, {"Transitions": [{"Days": 0, "StorageClass": "GLACIER"}]},
          TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    s3.put_object(Bucket="cold", Key="small", Body=b"x")
    cloudlet.advance(2 * DAY)
    assert eventually(lambda: class_of(s3, "small"), "GLACIER") == "GLACIER"
    held = s3.get_bucket_lifecycle_configuration(Bucket="cold")
    assert held["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


def test_old_versions_grow_cold_apart(clocked, eventually):
    cloudlet, s3 = clocked
    s3.put_bucket_versioning(Bucket="cold", VersioningConfiguration={"Status": "Enabled"})
    rules(s3, {"NoncurrentVersionTransitions": [{"NoncurrentDays": 5, "StorageClass": "GLACIER_IR"}]})
    old = s3.put_object(Bucket="cold", Key="k", Body=LARGE)["VersionId"]
    s3.put_object(Bucket="cold", Key="k", Body=LARGE)
    cloudlet.advance(7 * DAY)
    assert eventually(lambda: class_of(s3, "k", VersionId=old), "GLACIER_IR") == "GLACIER_IR"
    assert class_of(s3, "k") == "STANDARD"


def test_who_wants_to_know_is_told_of_restores_and_transitions(clocked, eventually):
    cloudlet, s3 = clocked
    sqs = cloudlet.client("sqs")
    arn = "arn:aws:sqs:us-east-1:000000000000:inbox"
    url = sqs.create_queue(
        QueueName="inbox",
        Attributes={
            "Policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": arn,
                    },
                }
            )
        },
    )["QueueUrl"]
    s3.put_bucket_notification_configuration(
        Bucket="cold",
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn, "Events": ["s3:ObjectRestore:*", "s3:LifecycleTransition"]}
            ]
        },
    )
    rules(s3, {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]})
    s3.put_object(Bucket="cold", Key="k", Body=LARGE)
    names = []

    def told():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            names.extend(record["eventName"] for record in json.loads(message["Body"]).get("Records", ()))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return names

    cloudlet.advance(3 * DAY)
    assert eventually(told, ["LifecycleTransition"]) == ["LifecycleTransition"]
    s3.restore_object(Bucket="cold", Key="k", RestoreRequest={"Days": 1})
    cloudlet.advance(6 * 3600)
    wanted = ["LifecycleTransition", "ObjectRestore:Post", "ObjectRestore:Completed"]
    assert sorted(eventually(told, wanted)) == sorted(wanted)

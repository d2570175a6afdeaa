"""Records on their way into S3: when they are written, under which name, and in which form."""

import gzip
import io
import json
import re
import zipfile

import pytest

from .conftest import ROLE, eventually

MOMENT_S = 1_535_365_805  # 2018-08-27T10:30:05Z


@pytest.fixture
def still(fresh):
    """A cloudlet whose clock stands still on a Monday morning."""
    running = fresh()
    running.control("clock", {"freeze": True})
    running.control("clock", {"set": MOMENT_S})
    return running


def test_records_become_one_object_when_their_time_is_over(still, stream):
    made = stream(still, BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 60})
    made.put(b"one", b"two\n")
    still.advance(59)
    made.put(b"three")
    assert made.keys() == []
    still.advance(1)
    (key, body), = made.objects().items()
    assert body == b"onetwo\nthree"
    assert re.fullmatch(rf"2018/08/27/10/{made.name}-1-2018-08-27-10-30-05-[0-9a-f-]{{36}}", key)
    head = made.s3.head_object(Bucket=made.bucket, Key=key)
    assert head["ContentType"] == "application/octet-stream"


def test_a_full_buffer_is_written_at_once(fresh, stream):
    running = fresh()
    made = stream(running, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    made.put(b"a" * 700_000)
    made.put(b"b" * 700_000)
    (_, body), = made.objects().items()
    assert body == b"a" * 700_000
    made.put(b"c" * 348_576)
    assert sorted(map(len, made.objects(2).values())) == [700_000, 1_048_576]


def test_a_large_object_is_written_whole(cloudlet, stream):
    made = stream(cloudlet, BufferingHints={"SizeInMBs": 4, "IntervalInSeconds": 0})
    parts = [bytes([n]) * 900_000 for n in range(4)]
    made.put(*parts)
    assert list(made.objects().values()) == [b"".join(parts)]


def test_names_say_what_the_prefix_says(still, stream):
    made = stream(still, Prefix="a=!{timestamp:yyyy'-x-'MMM}/r=!{firehose:random-string}/",
                  ErrorOutputPrefix="bad/!{firehose:error-output-type}/", CustomTimeZone="Asia/Tokyo",
                  FileExtension=".json")
    made.put(b"{}")
    key, = made.objects()
    assert re.fullmatch(r"a=2018-x-Aug/r=\w{11}/stream-\d+-1-2018-08-27-19-30-05-[0-9a-f-]{36}\.json", key)


def test_a_plain_prefix_gets_the_hour_behind_it(still, stream):
    made = stream(still, Prefix="in/")
    made.put(b"x")
    key, = made.objects()
    assert key.startswith(f"in/2018/08/27/10/{made.name}-1-")


@pytest.mark.parametrize(("prefix", "error_prefix", "code"), [
    ("!{timestamp:yyyy}/", None, "InvalidArgumentException"),
    ("!{firehose:error-output-type}/", "bad/!{firehose:error-output-type}/", "InvalidArgumentException"),
    ("a/", "bad/!{timestamp:yyyy}/", "InvalidArgumentException"),
    ("!{nonsense:yyyy}/", "!{firehose:error-output-type}/", "InvalidArgumentException"),
    ("a!{b", "x", "InvalidArgumentException"),
    ("!{timestamp:YYYY}/", "!{firehose:error-output-type}/", "NotHonoured"),
    ("!{partitionKeyFromQuery:id}/", "!{firehose:error-output-type}/", "NotHonoured"),
    ("!{partitionKeyFromLambda:id}/", "!{firehose:error-output-type}/", "InvalidArgumentException")])
def test_a_prefix_that_can_not_be_evaluated_is_refused(cloudlet, refused, prefix, error_prefix, code):
    place = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::any", "Prefix": prefix}
    if error_prefix is not None:
        place["ErrorOutputPrefix"] = error_prefix
    create = cloudlet.client("firehose").create_delivery_stream
    assert refused(create, DeliveryStreamName="none", ExtendedS3DestinationConfiguration=place)[0] == code


def test_objects_are_compressed(cloudlet, stream):
    zipped = stream(cloudlet, CompressionFormat="GZIP")
    zipped.put(b"hello" * 100)
    (key, body), = zipped.objects().items()
    assert key.endswith(".gz") and gzip.decompress(body) == b"hello" * 100
    assert zipped.s3.head_object(Bucket=zipped.bucket, Key=key)["ContentEncoding"] == "gzip"
    archived = stream(cloudlet, CompressionFormat="ZIP")
    archived.put(b"x" * 100_000)
    (key, body), = archived.objects().items()
    assert key.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [b"x" * 100_000]


def test_delimiters_stand_between_records(cloudlet, stream):
    made = stream(cloudlet, ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "AppendDelimiterToRecord", "Parameters": [
            {"ParameterName": "Delimiter", "ParameterValue": "\\n"}]}]})
    made.put(b"1", b"2", b"3")
    assert list(made.objects().values()) == [b"1\n2\n3"]


def test_packed_records_are_taken_apart(cloudlet, stream):
    made = stream(cloudlet, ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "RecordDeAggregation", "Parameters": [
            {"ParameterName": "SubRecordType", "ParameterValue": "JSON"}]},
        {"Type": "AppendDelimiterToRecord"}]})
    made.put(b'{"a": 1}{"a": 2}\n{"b": {}}', b"no json")
    assert list(made.objects().values()) == [b'{"a": 1}\n{"a": 2}\n{"b": {}}\nno json']


def test_every_record_is_kept_as_it_came_where_that_is_wished(cloudlet, stream):
    made = stream(cloudlet)
    backup = made.place(Prefix="source/", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0},
                        CompressionFormat="GZIP")
    made.firehose.update_destination(
        DeliveryStreamName=made.name, CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001", ExtendedS3DestinationUpdate={
            "S3BackupMode": "Enabled", "S3BackupUpdate": backup, "Prefix": "out/"})
    made.put(b"x", b"y")
    assert list(made.objects(1, "out/").values()) == [b"xy"]
    (key, body), = made.objects(1, "source/").items()
    assert gzip.decompress(body) == b"xy" and f"{made.name}-2-" in key


def test_what_can_not_be_written_is_tried_again_and_said(fresh, stream):
    running = fresh()
    logs = running.client("logs")
    logs.create_log_group(logGroupName="firehose")
    logs.create_log_stream(logGroupName="firehose", logStreamName="errors")
    made = stream(running, CloudWatchLoggingOptions={
        "Enabled": True, "LogGroupName": "firehose", "LogStreamName": "errors"})
    made.s3.delete_bucket(Bucket=made.bucket)
    made.put(b"kept")
    event = eventually(lambda: logs.get_log_events(
        logGroupName="firehose", logStreamName="errors")["events"])[0]
    said = json.loads(event["message"])
    assert (said["errorCode"], said["deliveryStreamVersionId"]) == ("S3.NoSuchBucket", 1)
    assert said["destination"] == f"arn:aws:s3:::{made.bucket}"
    made.s3.create_bucket(Bucket=made.bucket)
    running.advance(60)
    assert list(made.objects().values()) == [b"kept"]


def test_an_object_is_written_with_the_role_of_the_stream(cloudlet, stream, refused):
    iam = cloudlet.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "firehose.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="writer", AssumeRolePolicyDocument=json.dumps(trust))
    trust["Statement"][0]["Principal"]["Service"] = "lambda.amazonaws.com"
    iam.create_role(RoleName="stranger", AssumeRolePolicyDocument=json.dumps(trust))
    writer, stranger = (f"arn:aws:iam::000000000000:role/{name}" for name in ("writer", "stranger"))
    made = stream(cloudlet, RoleARN=writer)
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "NotPrincipal": {"AWS": writer}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{made.bucket}/*"}]}
    made.s3.put_bucket_policy(Bucket=made.bucket, Policy=json.dumps(policy))
    made.put(b"x")
    assert len(made.objects()) == 1
    code, message = refused(made.firehose.update_destination, DeliveryStreamName=made.name,
                            CurrentDeliveryStreamVersionId="1", DestinationId="destinationId-000000000001",
                            ExtendedS3DestinationUpdate={"RoleARN": stranger})
    assert code == "InvalidArgumentException"
    assert message == f"Firehose is unable to assume role {stranger}. Please check the role provided."

"""Functions on the way: what they are handed, what they may say, and what becomes of it."""

import base64
import gzip
import io
import json
import zipfile

import pytest

from .conftest import ROLE, eventually

HANDLER = """
import base64, json, os, urllib.request
calls = []

def handler(event, context):
    calls.append(event["invocationId"])
    out = []
    for record in event["records"]:
        data = base64.b64decode(record["data"]).decode()
        verb, _, rest = data.partition(":")
        text = base64.b64encode(rest.upper().encode()).decode()
        one = {"recordId": record["recordId"], "result": "Ok", "data": text}
        if verb == "drop":
            one = {"recordId": record["recordId"], "result": "Dropped"}
        elif verb == "fail":
            one["result"] = "ProcessingFailed"
        elif verb == "lose":
            continue
        elif verb == "twice":
            out.append(one)
        elif verb == "raise":
            raise ValueError(rest)
        elif verb == "event":
            one["data"] = base64.b64encode(json.dumps([event, len(calls)]).encode()).decode()
        elif verb == "key":
            one["metadata"] = {"partitionKeys": {"customer": rest} if rest else {}}
        elif verb == "nonsense":
            one["result"] = "Perhaps"
        out.append(one)
    return {"records": out}
"""


@pytest.fixture(scope="module")
def function(cloudlet):
    """The ARN of a function that does with each record what the record says."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", HANDLER)
    return cloudlet.client("lambda").create_function(
        FunctionName="transform", Role=ROLE, Runtime="python3.11", Handler="app.handler", Timeout=5,
        Code={"ZipFile": packed.getvalue()})["FunctionArn"]


def processing(function, **parameters):
    given = {"LambdaArn": function, "BufferIntervalInSeconds": "0", "NumberOfRetries": "0"} | parameters
    return {"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [
        {"ParameterName": name, "ParameterValue": value} for name, value in given.items()]}]}}


def test_a_function_says_what_becomes_of_each_record(cloudlet, stream, function):
    made = stream(cloudlet, Prefix="out/", **processing(function))
    made.put(b"ok:one", b"drop:two", b"fail:three", b"ok:four")
    assert list(made.objects(1, "out/2").values()) == [b"ONEFOUR"]
    account, = made.accounts("out/processing-failed/")
    assert account.pop("arrivalTimestamp") <= account.pop("attemptEndingTimestamp")
    assert account == {
        "rawData": base64.b64encode(b"fail:three").decode(), "errorCode": "Lambda.ProcessingFailedStatus",
        "errorMessage": "ProcessingFailed status set for record", "attemptsMade": 1, "lambdaARN": function}


def test_a_function_is_handed_what_aws_hands_it(cloudlet, stream, function):
    made = stream(cloudlet, **processing(function))
    made.put(b"event:", b"drop:")
    (_, body), = made.objects().items()
    event, _ = json.loads(body)
    assert sorted(event) == ["deliveryStreamArn", "invocationId", "records", "region"]
    assert event["deliveryStreamArn"] == f"arn:aws:firehose:us-east-1:000000000000:deliverystream/{made.name}"
    assert event["region"] == "us-east-1" and len(event["records"]) == 2
    assert sorted(event["records"][0]) == ["approximateArrivalTimestamp", "data", "recordId"]


@pytest.mark.parametrize(("sent", "code"), [
    (b"lose:", "Lambda.MissingRecordId"), (b"twice:", "Lambda.DuplicatedRecordId"),
    (b"raise:no", "Lambda.FunctionError"), (b"nonsense:", "Lambda.FunctionError")])
def test_what_a_function_must_not_answer_is_a_failure(cloudlet, stream, function, sent, code):
    made = stream(cloudlet, **processing(function))
    made.put(sent)
    account, = made.accounts("processing-failed/")
    assert (account["errorCode"], account["attemptsMade"]) == (code, 1)
    assert base64.b64decode(account["rawData"]) == sent


def test_a_failing_function_is_asked_again_after_pauses_that_grow(fresh, stream):
    running = fresh()
    made = stream(running, **processing("arn:aws:lambda:us-east-1:000000000000:function:late",
                                        NumberOfRetries="2"))
    running.control("clock", {"freeze": True})
    made.put(b"x")
    eventually(lambda: running.advance(1) or made.keys("processing-failed/"))
    account, = made.accounts("processing-failed/")
    assert (account["errorCode"], account["attemptsMade"]) == ("Lambda.ResourceNotFound", 3)


def test_a_function_gives_the_keys_that_part_the_objects(cloudlet, stream, function):
    made = stream(cloudlet, Prefix="c=!{partitionKeyFromLambda:customer}/",
                  ErrorOutputPrefix="bad/!{firehose:error-output-type}/",
                  BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 0},
                  DynamicPartitioningConfiguration={"Enabled": True}, **processing(function))
    made.put(b"key:a", b"key:b", b"key:a", b"key:")
    found = made.objects(2, "c=")
    assert sorted((key.partition("/")[0], body) for key, body in found.items()) == [
        ("c=a", b"AA"), ("c=b", b"B")]
    account, = made.accounts("bad/processing-failed/")
    assert account["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"
    assert account["errorMessage"] == "partitionKeys values must not be null or empty"


def test_partitions_need_what_aws_says_they_need(cloudlet, refused, function):
    create = cloudlet.client("firehose").create_delivery_stream
    place = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::any", "Prefix": "!{partitionKeyFromLambda:a}/",
             "ErrorOutputPrefix": "!{firehose:error-output-type}/",
             "DynamicPartitioningConfiguration": {"Enabled": True}}
    assert refused(create, DeliveryStreamName="none",
                   ExtendedS3DestinationConfiguration=place | processing(function)) == (
        "InvalidArgumentException",
        "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")
    hints = {"BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60}}
    assert refused(create, DeliveryStreamName="none",
                   ExtendedS3DestinationConfiguration=place | hints)[0] == "InvalidArgumentException"
    extraction = {"ProcessingConfiguration": {"Enabled": True, "Processors": [
        {"Type": "MetadataExtraction", "Parameters": [
            {"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{a:.a}"}]}]}}
    code, message = refused(create, DeliveryStreamName="none",
                            ExtendedS3DestinationConfiguration=place | hints | extraction)
    assert code == "NotHonoured" and "MetadataExtraction" in message


def test_backups_hold_what_a_function_drops(cloudlet, stream, function):
    backup = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::second", "Prefix": "raw/",
              "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}}
    made = stream(cloudlet, Prefix="out/", S3BackupMode="Enabled", S3BackupConfiguration=backup,
                  **processing(function))
    made.s3.create_bucket(Bucket="second")
    made.put(b"drop:x", b"ok:y")
    assert list(made.objects(1, "out/").values()) == [b"Y"]
    listed = eventually(lambda: made.s3.list_objects_v2(Bucket="second", Prefix="raw/").get("Contents"))
    assert made.s3.get_object(Bucket="second", Key=listed[0]["Key"])["Body"].read() == b"drop:xok:y"


def test_only_logs_may_put_into_a_stream_that_decompresses(cloudlet, stream, refused):
    made = stream(cloudlet, ProcessingConfiguration={"Enabled": True, "Processors": [
        {"Type": "Decompression"}]})
    assert refused(made.firehose.put_record, DeliveryStreamName=made.name,
                   Record={"Data": gzip.compress(b"{}")})[0] == "InvalidSourceException"

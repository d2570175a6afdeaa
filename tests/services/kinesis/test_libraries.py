"""What others have written for Kinesis: SDKs that speak CBOR, aggregated records, and JavaScript."""

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ...stories.test_javascript import installed

CBOR = "application/x-amz-cbor-1.1"


def speak(running, operation, **params):
    """An operation as the Java SDKs ask for it: the status, and the answer with its tags left as they are."""
    request = AWSRequest("POST", running.url + "/", data=cbor2.dumps(params), headers={
        "content-type": CBOR, "x-amz-target": f"Kinesis_20131202.{operation}"})
    SigV4Auth(Credentials("test", "test"), "kinesis", "us-east-1").add_auth(request)
    sent = urllib.request.Request(running.url + "/", data=request.data, headers=dict(request.headers))
    try:
        with urllib.request.urlopen(sent) as answer:
            status, body, kind = answer.status, answer.read(), answer.headers["content-type"]
    except urllib.error.HTTPError as error:
        with error:
            status, body, kind = error.code, error.read(), error.headers["content-type"]
    assert kind == CBOR
    return status, cbor2.loads(body, semantic_decoders={1: lambda value, *_: ("moment", value)})


def test_the_java_sdks_and_their_cbor_are_understood(make):
    stream = make()
    before_ms = stream.now().timestamp() * 1000
    status, put = speak(
        stream.running, "PutRecord", StreamName=stream.name, Data=b"\x00\xff", PartitionKey="k"
    )
    assert status == 200 and put["ShardId"] == "shardId-000000000000"
    moment = cbor2.CBORTag(1, int(before_ms) - 60_000)  # in milliseconds, unlike what CBOR's standard says
    status, place = speak(stream.running, "GetShardIterator", StreamName=stream.name, ShardId=put["ShardId"],
                          ShardIteratorType="AT_TIMESTAMP", Timestamp=moment)
    assert status == 200
    status, got = speak(stream.running, "GetRecords", ShardIterator=place["ShardIterator"])
    record, = got["Records"]
    kind, arrived_ms = record.pop("ApproximateArrivalTimestamp")
    assert (kind, abs(arrived_ms - before_ms) < 60_000) == ("moment", True)
    assert record == {"Data": b"\x00\xff", "PartitionKey": "k", "SequenceNumber": put["SequenceNumber"]}
    status, error = speak(stream.running, "DescribeStream", StreamName="nobody")
    assert status == 400 and error["__type"].endswith("ResourceNotFoundException")
    assert error["message"].startswith("Stream nobody under account")
    assert datetime.fromtimestamp(arrived_ms / 1000, UTC).year > 2000


def test_what_is_no_cbor_is_refused(make):
    running = make().running
    request = urllib.request.Request(running.url + "/", data=b"\xff\xff", headers={
        "content-type": CBOR, "x-amz-target": "Kinesis_20131202.ListStreams"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as error:
        assert error.code == 400
        assert cbor2.loads(error.read())["__type"].endswith("SerializationException")


def test_aggregated_records_are_taken_apart_again(make):
    aggregator = pytest.importorskip("aws_kinesis_agg.aggregator", reason="aws-kinesis-agg is not installed")
    deaggregator = pytest.importorskip("aws_kinesis_agg.deaggregator")
    stream, many = make(), aggregator.RecordAggregator()
    for n in range(50):
        many.add_user_record(f"key-{n % 5}", f"data-{n}".encode())
    key, _, data = many.clear_and_get().get_contents()
    stream.put(data, key=key)
    found = list(deaggregator.iter_deaggregate_records(stream.read()["Records"], "Boto3"))
    assert [one["kinesis"]["partitionKey"] for one in found] == [f"key-{n % 5}" for n in range(50)]
    assert [base64.b64decode(one["kinesis"]["data"]) for one in found] == [b"data-%d" % n for n in range(50)]


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node.js is not installed")
@pytest.mark.timeout(300)  # the packages are fetched the first time
@pytest.mark.parametrize("version", ["1", "2"])
def test_the_sdk_for_javascript_writes_reads_and_subscribes_over_either_http(make, tmp_path, version):
    stream = make()
    program = shutil.copy(Path(__file__).with_name("client.mjs"), tmp_path)
    (tmp_path / "node_modules").symlink_to(installed("kinesis") / "node_modules")
    done = subprocess.run(["node", program, stream.running.url, stream.name, stream.consumer(), version],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"failed": 0, "got": ["a", "b"], "pushed": ["a", "b"],
                                       "late": "ResourceNotFoundException"}

"""HTTP endpoints: requests as AWS makes them, tries until one is acknowledged, and what is kept."""

import base64
import itertools
import json

import pytest

from .conftest import ROLE, Delivery, eventually

_numbers = itertools.count(1)


@pytest.fixture
def post(endpoint):
    """A new stream to the endpoint: ``post(cloudlet, S3BackupMode="AllData")``."""
    def new(running, access_key="", **more) -> Delivery:
        made = Delivery(running, f"post-{next(_numbers)}")
        hints = {"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}}
        where = {"Url": endpoint.url, "Name": "mine"} | ({"AccessKey": access_key} if access_key else {})
        made.firehose.create_delivery_stream(
            DeliveryStreamName=made.name, HttpEndpointDestinationConfiguration={
                "EndpointConfiguration": where, "S3Configuration": made.place(**hints), "RoleARN": ROLE,
                **hints, **more})
        return made

    return new


def test_a_request_is_as_aws_makes_it(cloudlet, post, endpoint):
    made = post(cloudlet, "s3cret", RequestConfiguration={"ContentEncoding": "GZIP", "CommonAttributes": [
        {"AttributeName": "env", "AttributeValue": "test"}]})
    made.put(b"hello", b"")
    (headers, body), = endpoint.received()
    assert headers["content-type"] == "application/json" and headers["content-encoding"] == "gzip"
    assert headers["x-amz-firehose-protocol-version"] == "1.0"
    assert headers["x-amz-firehose-access-key"] == "s3cret"
    assert headers["x-amz-firehose-source-arn"] == made.describe()["DeliveryStreamARN"]
    assert json.loads(headers["x-amz-firehose-common-attributes"]) == {"commonAttributes": {"env": "test"}}
    assert body["requestId"] == headers["x-amz-firehose-request-id"] and isinstance(body["timestamp"], int)
    assert body["records"] == [{"data": base64.b64encode(b"hello").decode()}, {"data": ""}]
    assert made.keys() == []


def test_a_request_is_repeated_under_its_id_until_it_is_acknowledged(fresh, post, endpoint):
    running = fresh()
    endpoint.answers = [(503, {"errorMessage": "later"}), (200, {"requestId": "another", "timestamp": 1})]
    made = post(running)
    made.put(b"x")
    endpoint.received(1)
    running.advance(30)
    endpoint.received(2)
    running.advance(30)
    found = endpoint.received(3)
    assert len({body["requestId"] for _, body in found}) == 1
    running.advance(600)
    assert len(endpoint.requests) == 3 and made.keys() == []


def test_what_is_never_acknowledged_is_kept_in_the_bucket(fresh, post, endpoint):
    running = fresh()
    endpoint.answers = [(500, {"errorMessage": "no"})] * 9
    made = post(running, RetryOptions={"DurationInSeconds": 2})
    made.put(b"one", b"two")
    endpoint.received(1)
    running.advance(2)
    accounts = made.accounts("http-endpoint-failed/")
    assert [base64.b64decode(one["rawData"]) for one in accounts] == [b"one", b"two"]
    assert accounts[0]["errorCode"] == "HttpEndpoint.DestinationException"
    assert (accounts[0]["attemptsMade"], len(endpoint.requests)) == (2, 2)
    assert '500: {"errorMessage": "no"}' in accounts[0]["errorMessage"]


def test_what_is_too_large_for_an_endpoint_is_given_up_at_once(cloudlet, post, endpoint):
    endpoint.answers = [(413, {})]
    made = post(cloudlet)
    made.put(b"one")
    endpoint.received(1)
    made.put(b"two")
    endpoint.received(2)
    assert made.keys() == []


def test_all_data_goes_to_the_bucket_too_where_that_is_wished(cloudlet, post, endpoint):
    made = post(cloudlet, S3BackupMode="AllData")
    made.put(b"x")
    endpoint.received()
    assert list(made.objects().values()) == [b"x"]


def test_an_access_key_may_come_from_a_secret(cloudlet, post, endpoint):
    arn = cloudlet.client("secretsmanager").create_secret(
        Name="endpoint", SecretString='{"api_key": "hidden"}')["ARN"]
    made = post(cloudlet, SecretsManagerConfiguration={"Enabled": True, "SecretARN": arn})
    made.put(b"x")
    (headers, _), = endpoint.received()
    assert headers["x-amz-firehose-access-key"] == "hidden"


def test_an_endpoint_elsewhere_needs_https(cloudlet, refused):
    place = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::any"}
    code, message = refused(
        cloudlet.client("firehose").create_delivery_stream, DeliveryStreamName="none",
        HttpEndpointDestinationConfiguration={"EndpointConfiguration": {"Url": "http://example.com/"},
                                              "S3Configuration": place})
    assert code == "ValidationException" and "https://" in message


def test_a_description_hides_the_access_key(cloudlet, post):
    made = post(cloudlet, "s3cret")
    described = made.describe()["Destinations"][0]["HttpEndpointDestinationDescription"]
    assert described["EndpointConfiguration"].keys() == {"Url", "Name"}
    assert described["RetryOptions"] == {"DurationInSeconds": 300}
    assert eventually(lambda: described["S3DestinationDescription"])["CompressionFormat"] == "UNCOMPRESSED"

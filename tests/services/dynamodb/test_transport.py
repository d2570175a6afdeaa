"""Stories of how requests and answers travel: packed, too large, empty, or none at all."""

import gzip
import http.client
import json
import zlib
from urllib.parse import urlsplit

import pytest

from cloudlet.gateway.compression import chosen

UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}


@pytest.fixture
def post(cloudlet):
    """Send a body as it is; the status, the headers and the body of the answer come back."""
    def send(operation, body, **headers):
        connection = http.client.HTTPConnection(urlsplit(cloudlet.url).netloc, timeout=30)
        connection.request("POST", "/", body.encode() if isinstance(body, str) else body, {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, "
                             "SignedHeaders=host, Signature=0",
            **{name.replace("_", "-"): value for name, value in headers.items()}})
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found
    return send


def put(table, text="", **more):
    return json.dumps({"TableName": table, "Item": {"p": {"S": "x"}, "t": {"S": text}}, **more})


def got(ddb, table):
    return ddb.get_item(TableName=table, Key={"p": {"S": "x"}}).get("Item")


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_packed_request_is_unpacked(post, make, ddb, encoding, pack):
    table = make()
    assert post("PutItem", pack(put(table, "packed").encode()), Content_Encoding=encoding)[0] == 200
    assert got(ddb, table)["t"] == {"S": "packed"}


@pytest.mark.parametrize(("encoding", "body"), [("gzip", None), ("deflate", None), ("gzip", b""),
                                                ("br", None), ("identity, zstd", None)])
def test_a_request_that_is_not_packed_as_it_says_changes_nothing(post, make, ddb, encoding, body):
    table = make()
    status, _, answer = post("PutItem", put(table) if body is None else body, Content_Encoding=encoding)
    assert (status, json.loads(answer)["__type"].rpartition("#")[2]) == (400, "SerializationException")
    assert got(ddb, table) is None


def test_a_request_has_at_most_16_mb_packed_or_not(post, make, ddb):
    table = make()
    large = put(table)[:-1] + " " * (16 << 20) + "}"
    assert post("PutItem", large)[0] == 413
    assert post("PutItem", iter([large.encode()]))[0] == 413
    assert post("PutItem", gzip.compress(large.encode(), 1), Content_Encoding="gzip")[0] == 413
    assert got(ddb, table) is None


def test_line_and_headers_have_at_most_16_kb(post, make, ddb):
    table = make()
    assert post("PutItem", put(table), One="x" * 8000)[0] == 200
    status, _, answer = post("PutItem", put(table, "second"), One="x" * 8192, Two="y" * 8192)
    assert (status, json.loads(answer)["__type"]) == (400, "RequestHeaderSectionTooLarge")
    assert got(ddb, table)["t"] == {"S": ""}


def test_an_answer_of_4_kb_is_packed_for_who_takes_it(post, make, ddb):
    table = make()
    key = json.dumps({"TableName": table, "Key": {"p": {"S": "x"}}})
    for length, packed in ((3000, False), (5000, True), (300_000, True)):
        ddb.put_item(TableName=table, Item={"p": {"S": "x"}, "t": {"S": "z" * length}})
        for encoding in ("gzip", "deflate"):
            _, headers, body = post("GetItem", key, Accept_Encoding=encoding)
            assert headers["content-encoding"] == (encoding if packed else None)
            assert json.loads(UNPACK[headers["content-encoding"]](body))["Item"]["t"]["S"] == "z" * length
        assert post("GetItem", key, Accept_Encoding="identity")[1]["content-encoding"] is None


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_says_the_checksum_of_what_is_sent(post, make, ddb, encoding):
    """The SDK for Go holds every body against it, and takes a missing one for 0."""
    table = make()
    ddb.put_item(TableName=table, Item={"p": {"S": "x"}, "t": {"S": "z" * 5000}})
    key = json.dumps({"TableName": table, "Key": {"p": {"S": "x"}}})
    for operation, body in (("GetItem", key), ("NoSuchOperation", "{}")):
        _, headers, answer = post(operation, body, Accept_Encoding=encoding)
        assert int(headers["x-amz-crc32"]) == zlib.crc32(answer)


@pytest.mark.parametrize(("accepted", "encoding"), [
    ("", None), ("identity", None), ("br, zstd", None), ("gzip", "gzip"), ("GZIP", "gzip"),
    ("gzip, deflate", "gzip"), ("deflate, gzip", "deflate"), ("gzip;q=0.5, deflate;q=0.8", "deflate"),
    ("gzip;q=0", None), ("gzip;q=0, deflate", "deflate"), ("*", "gzip"), ("*;q=0", None),
    ("*, deflate", "deflate"), ("*, gzip;q=0.5", "deflate"), ("*;q=0.5, gzip;q=0.1", "deflate"),
    ("gzip;q=0, gzip", "gzip"), ("gzip;q=7, deflate;q=9", "gzip"), ("gzip;q=x", "gzip"),
    ("gzip;q=-1", None), ('"gzip"', None), ("gzip br", None), (",, gzip ,", "gzip")])
def test_the_encoding_is_the_one_a_client_likes_best(accepted, encoding):
    assert chosen(accepted) == encoding


def test_an_operation_without_an_output_answers_nothing(post, make, ddb):
    arn = ddb.describe_table(TableName=make())["Table"]["TableArn"]
    status, _, body = post(
        "TagResource", json.dumps({"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]})
    )
    assert (status, body) == (200, b"")
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


def test_what_is_no_json_is_told_with_its_place(post):
    status, _, answer = post("PutItem", "{broken json")
    assert (status, json.loads(answer)) == (400, {
        "__type": "com.amazon.coral.service#SerializationException",
        "message": "The request body is not well-formed JSON: Expecting property name enclosed in double "
                   "quotes at 1"})

"""Objects: bodies of any size, what is said about them, and conditions."""

import base64
import hashlib
import io
import random
from datetime import UTC, datetime, timedelta

import pytest
from botocore.config import Config

MIB = 1 << 20
SIZES = [0, 1, 32 << 10, (32 << 10) + 1, 300_000, 5 * MIB + 7]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_is_got(s3, bucket, size):
    body = random.Random(size).randbytes(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentLength"], got["ETag"], got["Body"].read() == body) == (size, put["ETag"], True)


def test_an_object_keeps_its_headers_and_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/x", CacheControl="no-store",
                  ContentDisposition="inline", ContentEncoding="br", ContentLanguage="de",
                  Metadata={"Colour": "red"})
    head = s3.head_object(Bucket=bucket, Key="k")
    assert [head[name] for name in ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding",
                                    "ContentLanguage", "Metadata")] == [
        "text/x", "no-store", "inline", "br", "de", {"colour": "red"}]


@pytest.mark.parametrize(("asked", "start", "stop"), [
    ("bytes=0-4", 0, 5), ("bytes=-3", -3, None), ("bytes=299990-", 299_990, None),
    ("bytes=262140-262150", 262140, 262151)])
def test_a_range_is_a_part(s3, bucket, asked, start, stop):
    body = random.Random(1).randbytes(300_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == body[start:stop]
    assert got["ContentRange"].endswith("/300000")


def test_a_range_behind_the_end_is_not_satisfiable(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    with refused("InvalidRange") as caught:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=5-")
    assert caught.value.response["Error"]["ActualObjectSize"] == "5"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("body", [b"hello", b"h" * 400_000])
def test_every_checksum_is_computed_and_kept(s3, bucket, algorithm, body):
    member = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ChecksumAlgorithm=algorithm)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert put[member] == head[member]
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert member not in s3.head_object(Bucket=bucket, Key="k")
    if algorithm == "SHA256":
        assert put[member] == base64.b64encode(hashlib.sha256(body).digest()).decode()


@pytest.mark.parametrize("size", [5, 400_000])
def test_a_body_that_is_not_what_was_said_is_refused_and_leaves_nothing(cloudlet, s3, bucket, refused, size):
    files = sorted(cloudlet.cloudlet.folder.glob("blobs/*/*"))
    with refused("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size,
                      ContentMD5=base64.b64encode(b"0" * 16).decode())
    with refused("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size,
                      ChecksumSHA256=base64.b64encode(b"0" * 32).decode())
    with refused("InvalidDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="short")
    with refused("404"):
        s3.head_object(Bucket=bucket, Key="k")
    assert sorted(cloudlet.cloudlet.folder.glob("blobs/*/*")) == files


def test_reads_may_depend_on_what_the_object_is(s3, bucket, refused):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)
    with refused("PreconditionFailed"):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with refused("304") as caught:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag
    later = datetime.now(UTC) + timedelta(hours=1)
    with refused("304"):
        s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=later)
    with refused("PreconditionFailed"):
        s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=later - timedelta(hours=2))


def test_writes_may_depend_on_what_the_object_is(s3, bucket, refused):
    with refused("NoSuchKey"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfMatch='"x"')
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with refused("PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    with refused("PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_many_objects_are_deleted_at_once_each_for_itself(s3, bucket):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={
        "Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "never"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["a", "b", "never"]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["c"]


def test_a_presigned_url_works_and_may_name_its_own_headers(cloudlet, bucket, fetch):
    s3 = cloudlet.client("s3", config=Config(signature_version="s3v4"))
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"x")
    url = s3.generate_presigned_url("get_object", Params={
        "Bucket": bucket, "Key": "a b/ü", "ResponseContentType": "text/html",
        "ResponseCacheControl": "no-cache"})
    status, headers, body = fetch(url)
    assert (status, headers["content-type"], headers["cache-control"], body) == (
        200, "text/html", "no-cache", b"x")


def test_the_bucket_may_stand_in_the_host(cloudlet, s3, bucket, fetch):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    assert fetch(f"{cloudlet.url}/k", host=f"{bucket}.s3.localhost:{cloudlet.port}")[2] == b"x"


def test_objects_survive_a_restart_and_overwritten_bodies_go(fresh):
    first = fresh()
    s3 = first.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="big", Body=b"1" * 500_000)
    s3.put_object(Bucket="kept", Key="big", Body=b"2" * 500_000)
    s3.put_object(Bucket="kept", Key="small", Body=b"3")
    first.stop()
    again = fresh()
    s3 = again.client("s3")
    assert s3.get_object(Bucket="kept", Key="big")["Body"].read() == b"2" * 500_000
    assert s3.get_object(Bucket="kept", Key="small")["Body"].read() == b"3"
    assert len(list(again.cloudlet.folder.glob("blobs/??/*"))) == 1


def test_attributes_are_those_that_were_asked_for(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA1")
    found = s3.get_object_attributes(Bucket=bucket, Key="k",
                                     ObjectAttributes=["ETag", "ObjectSize", "Checksum"])
    assert (found["ETag"], found["ObjectSize"]) == (hashlib.md5(b"hello").hexdigest(), 5)
    assert "ChecksumSHA1" in found["Checksum"] and "StorageClass" not in found


def test_tags_are_put_changed_and_taken_away(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    with refused("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "x"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "x"}]

"""Checksums of all kinds: of objects, of parts, of copies and of documents."""

import base64
import hashlib
import io

import pytest
from awscrt.checksums import XXHash

from cloudlet.services.s3.checksums import Digests

MIB = 1 << 20
PARTS = [b"a" * (5 * MIB), b"b"]
HASHES = {
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "MD5": lambda data: hashlib.md5(data).digest(),
    "XXHASH64": XXHash.compute_xxhash64,
    "XXHASH3": XXHash.compute_xxhash3_64,
    "XXHASH128": XXHash.compute_xxhash3_128,
}
by_kind = pytest.mark.parametrize("kind", HASHES)


def said(kind: str, data: bytes) -> str:
    return base64.b64encode(HASHES[kind](data)).decode()


def asked(kind: str, data: bytes) -> dict[str, str]:
    """As a client asks for it; none of them computes MD5 by itself."""
    return {"ChecksumMD5": said(kind, data)} if kind == "MD5" else {"ChecksumAlgorithm": kind}


@pytest.mark.parametrize(("kind", "digest"), [  # of no bytes at all, as xxHash's own documents have them
    ("XXHASH64", "ef46db3751d8e999"), ("XXHASH3", "2d06800538d394c2"),
    ("XXHASH128", "99aa06d3014798d86001c324468d497f")])
def test_a_kind_is_the_one_it_is_named_for(kind, digest):
    assert Digests((kind,)).raw(kind).hex() == digest


@by_kind
@pytest.mark.parametrize("body", [b"hello", b"h" * 400_000])
def test_an_object_has_the_checksum_it_came_with(s3, bucket, kind, body):
    member = f"Checksum{kind}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), **asked(kind, body))
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    shown = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])["Checksum"]
    assert put[member] == head[member] == shown[member] == said(kind, body)
    assert head["ChecksumType"] == shown["ChecksumType"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == body
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([kind], "FULL_OBJECT")


@by_kind
def test_a_body_that_is_not_what_was_said_is_refused(s3, bucket, refused, kind):
    with refused("BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"one", **{f"Checksum{kind}": said(kind, b"two")})
    with refused("InvalidRequest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"one", **{f"Checksum{kind}": "c2hvcnQ="})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@by_kind
def test_parts_make_a_checksum_of_checksums(s3, bucket, refused, kind):
    member = f"Checksum{kind}"
    with refused("InvalidRequest"):
        s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=kind, ChecksumType="FULL_OBJECT")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=kind)
    assert begun["ChecksumType"] == "COMPOSITE"
    which = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    parts = []
    for number, body in enumerate(PARTS, 1):
        done = s3.upload_part(**which, PartNumber=number, Body=body, **asked(kind, body))
        assert done[member] == said(kind, body)
        parts.append({"PartNumber": number, "ETag": done["ETag"], member: done[member]})
    assert [part[member] for part in s3.list_parts(**which)["Parts"]] == [part[member] for part in parts]
    wrong = [parts[0], {**parts[1], member: said(kind, b"other")}]
    with refused("InvalidPart"):
        s3.complete_multipart_upload(**which, MultipartUpload={"Parts": wrong})
    whole = base64.b64encode(HASHES[kind](b"".join(map(HASHES[kind], PARTS)))).decode()
    with refused("BadDigest"):
        s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts}, **{
            member: said(kind, b"other")})
    done = s3.complete_multipart_upload(**which, MultipartUpload={"Parts": parts}, **{member: whole})
    assert (done[member], done["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")
    shown = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert shown["Checksum"][member] == f"{whole}-2"
    assert [part[member] for part in shown["ObjectParts"]["Parts"]] == [part[member] for part in parts]


@by_kind
def test_a_copy_has_the_checksum_that_is_asked_for(s3, bucket, kind):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    other = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ChecksumAlgorithm=kind)
    assert other["CopyObjectResult"][f"Checksum{kind}"] == said(kind, b"hello")
    again = s3.copy_object(Bucket=bucket, Key="again", CopySource=f"{bucket}/copy")
    assert again["CopyObjectResult"][f"Checksum{kind}"] == said(kind, b"hello")


def test_a_document_is_held_against_its_checksum(s3, bucket, refused, fetch):
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    for kind in ("CRC32", "XXHASH128", "SHA512"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging=tags, ChecksumAlgorithm=kind)
    url = s3.generate_presigned_url("put_bucket_tagging", {"Bucket": bucket, "Tagging": tags})
    body = b"<Tagging><TagSet/></Tagging>"
    status, _, answer = fetch(url, "PUT", body, x_amz_checksum_crc32="AAAAAA==")
    assert (status, b"BadDigest" in answer) == (400, True)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]


@by_kind
def test_a_checksum_may_follow_its_body(s3, bucket, fetch, kind):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    header = f"x-amz-checksum-{kind.lower()}"

    def send(checksum: str) -> int:
        body = f"5\r\nhello\r\n0\r\n{header}:{checksum}\r\n\r\n".encode()
        return fetch(url, "PUT", body, content_encoding="aws-chunked", x_amz_trailer=header,
                     x_amz_decoded_content_length="5",
                     x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER")[0]

    assert send(said(kind, b"other")) == 400
    assert send(said(kind, b"hello")) == 200
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{kind}"], head["ContentLength"]) == (said(kind, b"hello"), 5)

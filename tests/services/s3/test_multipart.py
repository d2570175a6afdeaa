"""Uploads in parts, and copies."""

import hashlib

import pytest

MIB = 1 << 20
PARTS = [b"a" * (5 * MIB), b"b" * (5 * MIB), b"c" * 10]


def upload(s3, bucket, key="k", bodies=PARTS, **how):
    begun = s3.create_multipart_upload(Bucket=bucket, Key=key, **how)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        done = s3.upload_part(Bucket=bucket, Key=key, UploadId=begun, PartNumber=number, Body=body, **(
            {"ChecksumAlgorithm": how["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in how else {}))
        parts.append({"PartNumber": number, "ETag": done["ETag"],
                      **{name: done[name] for name in done if name in ("ChecksumSHA256", "ChecksumCRC32")}})
    return begun, parts


def test_parts_become_one_object(s3, bucket):
    begun, parts = upload(s3, bucket, ContentType="text/x", Metadata={"a": "b"})
    assert [one["Size"] for one in s3.list_parts(Bucket=bucket, Key="k", UploadId=begun)["Parts"]] == [
        5 * MIB, 5 * MIB, 10]
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun,
                                        MultipartUpload={"Parts": parts})
    digest = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in PARTS)).hexdigest()
    assert done["ETag"] == f'"{digest}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read() == b"".join(PARTS), got["ContentType"], got["Metadata"]) == (
        True, "text/x", {"a": "b"})
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert (part["Body"].read(), part["PartsCount"]) == (PARTS[2], 3)
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={5 * MIB - 1}-{5 * MIB}")
    assert across["Body"].read() == b"ab"
    again = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun,
                                         MultipartUpload={"Parts": parts})
    assert again["ETag"] == done["ETag"]


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "COMPOSITE"), ("CRC32", "FULL_OBJECT")])
def test_the_checksums_of_parts_become_the_object_s(s3, bucket, algorithm, kind):
    begun, parts = upload(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun,
                                        MultipartUpload={"Parts": parts})
    assert done["ChecksumType"] == kind
    whole = s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(PARTS), ChecksumAlgorithm=algorithm)
    member = f"Checksum{algorithm}"
    assert (done[member] == whole[member]) == (kind == "FULL_OBJECT")
    assert done[member].endswith("-3") == (kind == "COMPOSITE")


def test_what_does_not_fit_is_refused(s3, bucket, refused):
    begun, parts = upload(s3, bucket, bodies=[b"small", b"too"])
    with refused("EntityTooSmall"):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun, MultipartUpload={"Parts": parts})
    with refused("InvalidPartOrder"):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun,
                                     MultipartUpload={"Parts": parts[::-1]})
    with refused("InvalidPart"):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": '"0"'}]})
    with refused("InvalidArgument"):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=begun, PartNumber=10_001, Body=b"")
    with refused("NoSuchUpload"):
        s3.upload_part(Bucket=bucket, Key="k", UploadId="none", PartNumber=1, Body=b"")


def test_an_aborted_upload_leaves_nothing(cloudlet, s3, bucket, refused):
    begun, _ = upload(s3, bucket)
    assert [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [begun]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=begun)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with refused("NoSuchUpload"):
        s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=begun)


def test_a_part_may_be_a_range_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"".join(PARTS))
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part_copy(Bucket=bucket, Key="k", UploadId=begun, PartNumber=1,
                               CopySource={"Bucket": bucket, "Key": "source"},
                               CopySourceRange="bytes=5242875-5242884")
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"aaaaabbbbb"


@pytest.mark.parametrize("size", [10, 500_000])
def test_a_copy_is_an_object_of_its_own(cloudlet, s3, bucket, size):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * size, Metadata={"m": "1"}, Tagging="t=1",
                  ContentType="text/x")
    s3.create_bucket(Bucket=f"other-{size}")
    s3.copy_object(Bucket=f"other-{size}", Key="b", CopySource=f"{bucket}/a")
    s3.delete_object(Bucket=bucket, Key="a")
    copy = s3.get_object(Bucket=f"other-{size}", Key="b")
    assert (copy["Body"].read() == b"x" * size, copy["Metadata"], copy["ContentType"], copy["TagCount"]) == (
        True, {"m": "1"}, "text/x", 1)


def test_a_copy_onto_itself_must_change_something(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Metadata={"m": "1"})
    with refused("InvalidRequest"):
        s3.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/a")
    s3.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/a", MetadataDirective="REPLACE",
                   Metadata={"m": "2"})
    assert s3.get_object(Bucket=bucket, Key="a")["Metadata"] == {"m": "2"}


def test_a_copy_of_a_multipart_object_has_an_etag_of_its_own(s3, bucket):
    begun, parts = upload(s3, bucket)
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=begun, MultipartUpload={"Parts": parts})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"".join(PARTS)).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key="copy")["ContentLength"] == sum(map(len, PARTS))

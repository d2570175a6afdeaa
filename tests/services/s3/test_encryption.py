"""Encryption: whose key it is, who can read without it, and what lies on the disk."""

import base64
import hashlib
import json

import pytest

MIB = 1 << 20
SECRET = b"what nobody may read"
MASTER = "arn:aws:kms:us-east-1:000000000000:key/1234"


def of_customer(letter: str, prefix: str = "") -> dict[str, str]:
    key = letter.encode() * 32
    return {
        f"{prefix}SSECustomerAlgorithm": "AES256",
        f"{prefix}SSECustomerKey": base64.b64encode(key).decode(),
        f"{prefix}SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


OURS, THEIRS = of_customer("a"), of_customer("b")
KMS = {"ServerSideEncryption": "aws:kms"}


def on_disk(cloudlet, text: bytes) -> bool:
    """Whether a file of the cloudlet contains ``text``."""
    return any(text in file.read_bytes() for file in cloudlet.options.data.rglob("*") if file.is_file())


@pytest.mark.parametrize("size", [0, 1, 1000, 32 << 10, (32 << 10) + 1, 300_000, 2 * MIB + 5])
@pytest.mark.parametrize("how", [OURS, KMS], ids=["customer", "kms"])
def test_what_was_encrypted_is_read_again(s3, bucket, size, how):
    body = (SECRET * (size // len(SECRET) + 1))[:size]
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **how)
    own = OURS if how is OURS else {}
    got = s3.get_object(Bucket=bucket, Key="k", **own)
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"]) == (size, put["ETag"])
    assert hashlib.md5(body).hexdigest() not in put["ETag"]
    if size > 40:
        part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={size // 2 + 1}-{size - 2}", **own)
        assert part["Body"].read() == body[size // 2 + 1:size - 1]


@pytest.mark.parametrize("size", [1000, 300_000])
@pytest.mark.parametrize("how", [{}, OURS, KMS], ids=["plain", "customer", "kms"])
def test_only_hidden_bytes_reach_the_disk(cloudlet, s3, bucket, size, how):
    mark = f"{bucket} {size} {len(how)} {SECRET.decode()}".encode()
    s3.put_object(Bucket=bucket, Key="k", Body=mark * (size // len(mark)), **how)
    assert on_disk(cloudlet, mark) is (how == {})


def test_a_customer_s_object_is_read_with_his_key_alone(s3, bucket, refused):
    put = s3.put_object(Bucket=bucket, Key="k", Body=SECRET, **OURS)
    assert (put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"]) == ("AES256", OURS["SSECustomerKeyMD5"])
    assert "ServerSideEncryption" not in put
    with refused("InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="k")
    with refused("400"):
        s3.head_object(Bucket=bucket, Key="k")
    with refused("AccessDenied"):
        s3.get_object(Bucket=bucket, Key="k", **THEIRS)
    with refused("InvalidRequest"):
        s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag"])
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    with refused("InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="plain", **OURS)


@pytest.mark.parametrize(("wrong", "code"), [
    ({"SSECustomerAlgorithm": "AES192"}, "InvalidEncryptionAlgorithmError"),
    ({"SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument"),
    ({"SSECustomerKey": "short", "SSECustomerKeyMD5": "x"}, "InvalidArgument"),
    ({"ServerSideEncryption": "AES256"}, "InvalidArgument"),
    ({"ServerSideEncryption": "aws:kms"}, "InvalidArgument")])
def test_a_key_that_can_t_be_one_is_refused(s3, bucket, refused, wrong, code):
    with refused(code):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **OURS | wrong)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_account_s_key_has_a_name(s3, bucket, refused):
    put = s3.put_object(Bucket=bucket, Key="k", Body=SECRET, SSEKMSKeyId="1234", BucketKeyEnabled=True, **KMS)
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (
        "aws:kms", MASTER, True)
    assert s3.head_object(Bucket=bucket, Key="k")["SSEKMSKeyId"] == MASTER
    first = s3.put_object(Bucket=bucket, Key="a", Body=SECRET, **KMS)["SSEKMSKeyId"]
    again = s3.put_object(Bucket=bucket, Key="b", Body=SECRET, SSEKMSKeyId="alias/aws/s3", **KMS)
    assert again["SSEKMSKeyId"] == first != MASTER
    with refused("InvalidArgument"):
        s3.put_object(Bucket=bucket, Key="k", SSEKMSKeyId="1234")
    with refused("InvalidArgument"):
        s3.put_object(Bucket=bucket, Key="k", SSEKMSKeyId=MASTER.replace("us-east", "eu-west"), **KMS)
    with refused("AccessDenied"):
        s3.put_object(
            Bucket=bucket, Key="k", SSEKMSKeyId=MASTER.replace("000000000000", "0" * 11 + "9"), **KMS
        )


def test_an_account_s_key_serves_no_other_account_and_no_stranger(cloudlet, s3, bucket, refused, fetch):
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{bucket}/*",
                },
            }
        ),
    )
    s3.put_object(Bucket=bucket, Key="k", Body=SECRET, **KMS)
    with refused("AccessDenied"):
        cloudlet.client("s3", key="000000000009").get_object(Bucket=bucket, Key="k")
    assert fetch(f"{cloudlet.url}/{bucket}/k")[0] == 400


def test_a_bucket_encrypts_by_default(s3, bucket, refused):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": MASTER},
        "BucketKeyEnabled": True}]})
    for size in (10, 100_000):
        put = s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
        assert (put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == (MASTER, True)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x" * size
    assert (
        s3.put_object(Bucket=bucket, Key="k", ServerSideEncryption="AES256")["ServerSideEncryption"]
        == "AES256"
    )
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]})
    with refused("AccessDenied"):
        s3.put_object(Bucket=bucket, Key="k", **OURS)


HOWS = {"plain": {}, "ours": OURS, "theirs": THEIRS, "kms": KMS, "1234": KMS | {"SSEKMSKeyId": "1234"}}


@pytest.mark.parametrize("size", [1000, 100_000])
@pytest.mark.parametrize("before", ["plain", "ours", "kms"])
@pytest.mark.parametrize("after", list(HOWS))
def test_a_copy_is_encrypted_as_it_asks(s3, bucket, before, after, size):
    body = SECRET * (size // len(SECRET))
    s3.put_object(Bucket=bucket, Key="a", Body=body, **HOWS[before])
    source = {"CopySource": f"{bucket}/a", **(of_customer("a", "CopySource") if before == "ours" else {})}
    s3.copy_object(Bucket=bucket, Key="b", **source, **HOWS[after])
    s3.delete_object(Bucket=bucket, Key="a")
    own = HOWS[after] if "SSECustomerKey" in HOWS[after] else {}
    assert s3.get_object(Bucket=bucket, Key="b", **own)["Body"].read() == body


@pytest.mark.parametrize("how", ["ours", "kms"])
@pytest.mark.parametrize("source", ["plain", "theirs", "kms"])
def test_an_upload_s_parts_share_its_key(s3, bucket, refused, how, source):
    own = OURS if how == "ours" else {}
    big, tail = b"p" * (5 * MIB + 3), b"from elsewhere" * 10
    s3.put_object(Bucket=bucket, Key="source", Body=tail, **HOWS[source])
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **HOWS[how])
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    if own:
        with refused("InvalidRequest"):
            s3.upload_part(**where, PartNumber=1, Body=b"x")
        with refused("InvalidRequest"):
            s3.upload_part(**where, PartNumber=1, Body=b"x", **THEIRS)
    one = s3.upload_part(**where, PartNumber=1, Body=big, **own)
    two = s3.upload_part_copy(
        **where,
        PartNumber=2,
        CopySource=f"{bucket}/source",
        CopySourceRange="bytes=3-99",
        **own,
        **(of_customer("b", "CopySource") if source == "theirs" else {}),
    )
    s3.complete_multipart_upload(**where, **own, MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["CopyPartResult"]["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="k", **own)["Body"].read() == big + tail[3:100]
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={len(big) - 7}-{len(big) + 4}", **own)
    assert got["Body"].read() == b"p" * 7 + tail[3:8]
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=2, **own)["Body"].read() == tail[3:100]


def test_a_read_does_not_say_how_its_object_is_encrypted(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KMS)
    s3.meta.events.register_first("before-call.s3.GetObject", _say, unique_id="say")
    try:
        with refused("InvalidArgument"):
            s3.get_object(Bucket=bucket, Key="k")
    finally:
        s3.meta.events.unregister("before-call.s3.GetObject", unique_id="say")


def _say(params, **_):
    params["headers"]["x-amz-server-side-encryption"] = "aws:kms"

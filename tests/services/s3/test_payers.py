"""Buckets whose requesters pay: others than the owner say that they know."""

import json

import pytest

MIB = 1 << 20
KNOWS = {"RequestPayer": "requester"}


@pytest.fixture
def other(cloudlet):
    """A client of another account."""
    return cloudlet.client("s3", key="000000000009")


@pytest.fixture
def paid(s3, bucket):
    """A bucket that everyone may use, and whose requesters pay."""
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    return bucket


def test_the_owner_says_who_pays(s3, bucket, refused):
    which = {"Bucket": bucket}
    assert s3.get_bucket_request_payment(**which)["Payer"] == "BucketOwner"
    for payer in ("Requester", "BucketOwner"):
        s3.put_bucket_request_payment(**which, RequestPaymentConfiguration={"Payer": payer})
        assert s3.get_bucket_request_payment(**which)["Payer"] == payer
    with refused("MalformedXML"):
        s3.put_bucket_request_payment(**which, RequestPaymentConfiguration={"Payer": "Nobody"})


READS = {
    "get_object": {"Key": "k"}, "head_object": {"Key": "k"}, "list_objects": {}, "list_objects_v2": {},
    "list_object_versions": {}, "list_multipart_uploads": {}, "get_object_acl": {"Key": "k"},
    "get_object_attributes": {"Key": "k", "ObjectAttributes": ["ETag"]},
    "put_object": {"Key": "new", "Body": b""}, "delete_object": {"Key": "new"},
    "delete_objects": {"Delete": {"Objects": [{"Key": "new"}]}},
    "get_bucket_accelerate_configuration": {}, "create_multipart_upload": {"Key": "new"}}


@pytest.mark.parametrize("operation", READS)
def test_others_must_know_that_they_pay(s3, other, paid, refused, operation):
    ask = {"Bucket": paid, **READS[operation]}
    with refused("403" if operation == "head_object" else "AccessDenied"):
        getattr(other, operation)(**ask)
    assert getattr(other, operation)(**ask, **KNOWS)["RequestCharged"] == "requester"
    assert "RequestCharged" not in getattr(s3, operation)(**ask)


def test_what_can_t_say_so_is_the_owner_s_alone(s3, other, paid, refused):
    with refused("403"):
        other.head_bucket(Bucket=paid)
    with refused("AccessDenied"):
        other.get_object_tagging(Bucket=paid, Key="k")
    assert other.get_object_tagging(Bucket=paid, Key="k", **KNOWS)["TagSet"][0]["Value"] == "b"
    s3.head_bucket(Bucket=paid)


def test_nobody_in_particular_is_refused_whatever_he_says(cloudlet, paid, fetch):
    url = f"{cloudlet.url}/{paid}/k"
    assert fetch(url)[0] == fetch(url, x_amz_request_payer="requester")[0] == 403


def test_who_signs_a_url_may_say_so(other, paid, fetch):
    url = other.generate_presigned_url("get_object", {"Bucket": paid, "Key": "k", **KNOWS})
    status, headers, body = fetch(url, x_amz_request_payer="requester")
    assert (status, headers["x-amz-request-charged"], body) == (200, "requester", b"x")
    assert fetch(other.generate_presigned_url("get_object", {"Bucket": paid, "Key": "k"}))[0] == 403


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_copy_is_paid_for_at_either_end(s3, other, paid, refused, which):
    own = f"{paid}-of-others"
    other.create_bucket(Bucket=own)
    other.put_object(Bucket=own, Key="k", Body=b"x")
    source, target = (paid, own) if which == "source" else (own, paid)
    copy = {"Bucket": target, "Key": "copy", "CopySource": f"{source}/k"}
    with refused("AccessDenied"):
        other.copy_object(**copy)
    assert other.copy_object(**copy, **KNOWS)["RequestCharged"] == "requester"
    begun = other.create_multipart_upload(Bucket=target, Key="parts", **KNOWS)["UploadId"]
    part = {"Bucket": target, "Key": "parts", "UploadId": begun, "PartNumber": 1}
    with refused("AccessDenied"):
        other.upload_part_copy(**part, CopySource=f"{source}/k")
    assert other.upload_part_copy(**part, CopySource=f"{source}/k", **KNOWS)["RequestCharged"] == "requester"
    other.abort_multipart_upload(Bucket=target, Key="parts", UploadId=begun, **KNOWS)


def test_every_step_of_an_upload_is_paid_for(other, paid, refused):
    upload = {"Bucket": paid, "Key": "parts"}
    upload["UploadId"] = other.create_multipart_upload(**upload, **KNOWS)["UploadId"]
    with refused("AccessDenied"):
        other.upload_part(**upload, PartNumber=1, Body=b"x")
    part = other.upload_part(**upload, PartNumber=1, Body=b"x", **KNOWS)
    assert part["RequestCharged"] == "requester"
    assert other.list_parts(**upload, **KNOWS)["RequestCharged"] == "requester"
    whole = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    with refused("AccessDenied"):
        other.complete_multipart_upload(**upload, **whole)
    assert other.complete_multipart_upload(**upload, **whole, **KNOWS)["RequestCharged"] == "requester"


def test_where_the_owner_pays_nothing_is_said(s3, other, paid):
    s3.put_bucket_request_payment(Bucket=paid, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert "RequestCharged" not in other.get_object(Bucket=paid, Key="k", **KNOWS)
    assert other.get_object(Bucket=paid, Key="k")["Body"].read() == b"x"

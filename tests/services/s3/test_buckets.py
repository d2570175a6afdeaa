"""Buckets: names, owners, places."""

import pytest
from botocore.config import Config


def test_a_new_bucket_is_listed_found_and_deleted(s3, bucket, refused):
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    s3.delete_bucket(Bucket=bucket)
    with refused("404"):
        s3.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("name", ["Upper", "a..b", "192.168.0.1", "xn--a", "ends-", "under_score"])
def test_a_name_that_breaks_the_rules_is_refused(cloudlet, fetch, name):
    status, _, body = fetch(f"{cloudlet.url}/{name}", "PUT", authorization=(
        "AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=a"))
    assert (status, b"<Code>InvalidBucketName</Code>" in body) == (400, True)


def test_names_are_global_and_belong_to_one_account(cloudlet, s3, bucket, refused):
    s3.create_bucket(Bucket=bucket)  # one's own, again, in us-east-1
    with refused("BucketAlreadyExists"):
        cloudlet.client("s3", key="000000000007").create_bucket(Bucket=bucket)
    with refused("403"):
        cloudlet.client("s3", key="000000000007").head_bucket(Bucket=bucket)


def test_who_signs_for_a_region_that_is_none_is_told_which_to_use(cloudlet, s3, fetch):
    status, _, body = fetch(f"{cloudlet.url}/signed-for-us", "PUT", authorization=(
        "AWS4-HMAC-SHA256 Credential=test/20260101/US/s3/aws4_request, SignedHeaders=host, Signature=0"))
    assert (status, b"<Code>AuthorizationHeaderMalformed</Code>" in body) == (400, True)
    assert b"<Region>us-east-1</Region>" in body
    cloudlet.client("s3", region="local").create_bucket(Bucket="signed-for-local")  # boto3 tries again
    assert s3.get_bucket_location(Bucket="signed-for-local")["LocationConstraint"] is None


def test_a_bucket_lies_in_the_region_it_was_made_in(cloudlet, refused):
    west = cloudlet.client("s3", region="eu-west-1")
    with refused("IllegalLocationConstraintException"):
        west.create_bucket(Bucket="western")
    west.create_bucket(Bucket="western", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert west.get_bucket_location(Bucket="western")["LocationConstraint"] == "eu-west-1"
    with refused("BucketAlreadyOwnedByYou"):
        west.create_bucket(Bucket="western", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def test_only_an_empty_bucket_can_be_deleted(s3, bucket, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)


def test_the_expected_owner_must_be_the_owner(s3, bucket, refused):
    s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="000000000000")
    with refused("AccessDenied"):
        s3.list_objects_v2(Bucket=bucket, ExpectedBucketOwner="000000000001")


def test_a_member_that_is_not_honoured_is_refused(s3, bucket, refused):
    with refused("NotHonoured"):
        s3.put_object(Bucket=bucket, Key="k", ServerSideEncryption="aws:kms:dsse")
    with refused("NotHonoured"):
        s3.put_object(Bucket=bucket, Key="k", StorageClass="OUTPOSTS")


def test_errors_name_what_they_are_about(cloudlet, s3, bucket, refused):
    with refused("NoSuchBucket") as caught:
        s3.list_objects_v2(Bucket="nowhere-at-all")
    assert caught.value.response["Error"]["BucketName"] == "nowhere-at-all"
    with refused("NoSuchKey") as caught:
        s3.get_object(Bucket=bucket, Key="nothing")
    assert caught.value.response["Error"]["Key"] == "nothing"


@pytest.mark.parametrize("host", ["{}.localhost", "{}.s3.localhost", "{}.s3.us-east-1.localhost"])
def test_a_bucket_may_be_named_by_the_host(cloudlet, s3, bucket, fetch, host):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x", ACL="public-read")
    name = host.format(bucket) + f":{cloudlet.port}"
    assert fetch(f"{cloudlet.url}/a/b", host=name)[2] == b"x"
    signed = cloudlet.client("s3", config=Config(s3={"addressing_style": "virtual"}))
    url = signed.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/b"})
    assert fetch(cloudlet.url + "/a/b?" + url.partition("?")[2], host=name)[2] == b"x"


@pytest.mark.parametrize("host", ["s3.localhost", "s3.us-east-1.localhost", "localhost", "127.0.0.1"])
def test_a_bucket_may_be_named_by_the_path(cloudlet, s3, bucket, fetch, host):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x", ACL="public-read")
    assert fetch(f"{cloudlet.url}/{bucket}/a/b", host=f"{host}:{cloudlet.port}")[2] == b"x"

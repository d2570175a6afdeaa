"""Requests that come to a bucket through one of its access points."""

import json
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

ACCOUNT, OTHER = "000000000000", "000000000009"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:*"} | one for one in statements]})


def delegated(bucket):
    """A bucket's policy that leaves it to the account's access points who may come in."""
    return document({"Principal": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                     "Condition": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}})


@pytest.mark.parametrize("by", [1, 2], ids=["ARN", "alias"])
def test_objects_are_read_and_written_through_a_point(s3, bucket, point, by):
    s3.put_object(Bucket=point[by], Key="a/b.txt", Body=b"through", Tagging="colour=red")
    assert s3.get_object(Bucket=bucket, Key="a/b.txt")["Body"].read() == b"through"
    assert s3.get_object(Bucket=point[by], Key="a/b.txt")["Body"].read() == b"through"
    assert s3.head_object(Bucket=point[by], Key="a/b.txt")["ContentLength"] == 7
    assert s3.get_object_tagging(Bucket=point[by], Key="a/b.txt")["TagSet"][0]["Value"] == "red"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=point[by])["Contents"]] == ["a/b.txt"]
    assert [one["Key"] for one in s3.list_object_versions(Bucket=point[by])["Versions"]] == ["a/b.txt"]
    assert s3.get_bucket_location(Bucket=point[2])["LocationConstraint"] is None
    s3.delete_objects(Bucket=point[by], Delete={"Objects": [{"Key": "a/b.txt"}]})
    assert "Contents" not in s3.list_objects(Bucket=bucket)


def test_an_upload_in_parts_goes_through_a_point(s3, bucket, point):
    arn = point[1]
    upload = s3.create_multipart_upload(Bucket=arn, Key="big")
    assert upload["Bucket"] == bucket
    asked = {"Bucket": arn, "Key": "big", "UploadId": upload["UploadId"]}
    part = s3.upload_part(**asked, PartNumber=1, Body=b"part")
    assert s3.list_multipart_uploads(Bucket=arn)["Uploads"][0]["Key"] == "big"
    assert len(s3.list_parts(**asked)["Parts"]) == 1
    s3.complete_multipart_upload(
        **asked, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"part"


def test_a_copy_may_name_points_at_both_ends(s3, bucket, point, refused):
    arn = point[1]
    s3.put_object(Bucket=bucket, Key="object/from", Body=b"x")
    s3.copy_object(Bucket=arn, Key="to", CopySource={"Bucket": arn, "Key": "object/from"})
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"x"
    with refused("InvalidRequest"):  # onto itself, though by another name
        s3.copy_object(Bucket=arn, Key="to", CopySource={"Bucket": bucket, "Key": "to"})


def test_a_path_may_hold_the_arn(cloudlet, clients, s3, bucket, point):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    signed = clients("s3").generate_presigned_url("get_object", Params={"Bucket": point[1], "Key": "k"})
    assert signed.startswith(f"http://{point[0]}-{ACCOUNT}.localhost:")
    url = f"{cloudlet.url}/{quote(point[1], safe='')}/k"
    with urllib.request.urlopen(url + "?" + signed.partition("?")[2]) as answer:
        assert answer.read() == b"x"
    with pytest.raises(urllib.error.HTTPError, match="403"):  # nobody in particular
        urllib.request.urlopen(url)


def test_another_account_needs_both_doors_open(clients, s3, control, bucket, point, refused):
    name, arn, alias = point
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = clients("s3", key=OTHER)
    s3.put_bucket_policy(Bucket=bucket, Policy=delegated(bucket))
    with refused("AccessDenied"):  # the bucket would let it in, the point does not
        other.get_object(Bucket=arn, Key="k")
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=document(
        {"Resource": [arn, f"{arn}/object/k*"]}))
    assert other.get_object(Bucket=arn, Key="k")["Body"].read() == b"x"
    assert other.list_objects_v2(Bucket=arn)["KeyCount"] == 1
    with refused("AccessDenied"):
        other.put_object(Bucket=arn, Key="another", Body=b"x")
    with refused("AccessDenied"):  # not through the point
        other.get_object(Bucket=bucket, Key="k")
    s3.delete_bucket_policy(Bucket=bucket)
    with refused("AccessDenied"):  # the point would let it in, the bucket does not
        other.get_object(Bucket=arn, Key="k")
    with refused("NoSuchBucket"):
        other.get_object(Bucket=f"{alias[1:]}", Key="k")


def test_a_point_keeps_its_own_account_out(s3, control, bucket, point, refused):
    name, arn, _ = point
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=document(
        {"Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Action": "s3:DeleteObject",
         "Resource": f"{arn}/object/*"}))
    with refused("AccessDenied"):
        s3.delete_object(Bucket=arn, Key="k")
    assert s3.get_object(Bucket=arn, Key="k")["Body"].read() == b"x"
    s3.delete_object(Bucket=bucket, Key="k")


def test_a_bucket_can_be_reached_through_one_point_alone(s3, bucket, point, refused):
    s3.put_bucket_policy(Bucket=bucket, Policy=document({
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotEquals": {"s3:DataAccessPointArn": point[1]}}}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("AccessDenied"):
        s3.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=point[1], Key="k")["Body"].read() == b"x"


def test_a_point_s_blocks_add_to_the_bucket_s(s3, bucket, point, refused):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    with refused("AccessDenied"):
        s3.put_object(Bucket=point[1], Key="k", Body=b"x", ACL="public-read")


def test_settings_of_the_bucket_are_out_of_reach(s3, bucket, point, refused):
    with refused("MethodNotAllowed"):
        s3.put_bucket_versioning(Bucket=point[2], VersioningConfiguration={"Status": "Enabled"})
    with refused("MethodNotAllowed"):
        s3.delete_bucket(Bucket=point[2])
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.head_bucket(Bucket=point[2])["AccessPointAlias"] is True


def test_a_point_that_is_no_more_leads_nowhere(s3, control, point, refused):
    control.delete_access_point(AccountId=ACCOUNT, Name=point[0])
    for name in point[1:]:
        with refused("NoSuchBucket"):
            s3.list_objects_v2(Bucket=name)

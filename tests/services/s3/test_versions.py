"""Versions, delete markers, and locks on versions."""

from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def versioned(s3, bucket):
    """A bucket that keeps versions."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def put(s3, bucket, *bodies, key="k"):
    return [s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId") for body in bodies]


def listed(s3, bucket):
    page = s3.list_object_versions(Bucket=bucket)
    return [(one["VersionId"], one["IsLatest"]) for one in page.get("Versions", ())], [
        (one["VersionId"], one["IsLatest"]) for one in page.get("DeleteMarkers", ())]


def test_every_version_can_be_read(s3, versioned):
    one, two = put(s3, versioned, b"1", b"2")
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"2"
    assert s3.get_object(Bucket=versioned, Key="k", VersionId=one)["Body"].read() == b"1"
    assert listed(s3, versioned) == ([(two, True), (one, False)], [])


def test_a_delete_marker_hides_and_its_deletion_shows_again(s3, versioned, refused):
    one, = put(s3, versioned, b"1")
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    with refused("NoSuchKey") as caught:
        s3.get_object(Bucket=versioned, Key="k")
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    with refused("MethodNotAllowed"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert listed(s3, versioned) == ([(one, False)], [(marker["VersionId"], True)])
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == one


def test_deleting_the_newest_makes_the_next_current(s3, versioned):
    one, two, three = put(s3, versioned, b"1", b"2", b"3")
    s3.delete_object(Bucket=versioned, Key="k", VersionId=three)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=one)
    assert listed(s3, versioned) == ([(two, True)], [])


def test_the_null_version_is_replaced_while_versioning_is_suspended(s3, bucket):
    put(s3, bucket, b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one, = put(s3, bucket, b"1")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"before"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    put(s3, bucket, b"after")
    assert listed(s3, bucket)[0] == [("null", True), (one, False)]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"after"
    s3.delete_object(Bucket=bucket, Key="k")
    assert listed(s3, bucket) == ([(one, False)], [("null", True)])


def test_pages_of_versions_show_everything_once(s3, versioned):
    for key in ("a", "b", "c"):
        put(s3, versioned, b"1", b"2", b"3", key=key)
        s3.delete_object(Bucket=versioned, Key=key)
    seen, latest = [], []
    for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=versioned, PaginationConfig={"PageSize": 2}):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        seen += [(one["Key"], one["VersionId"]) for one in entries]
        latest += [one["Key"] for one in entries if one["IsLatest"]]
    assert (len(seen), len(set(seen)), latest) == (12, 12, ["a", "b", "c"])


def test_a_locked_version_can_not_be_deleted(s3, refused):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=1)
    made = s3.put_object(Bucket="locked", Key="k", Body=b"x", ObjectLockMode="GOVERNANCE",
                         ObjectLockRetainUntilDate=until)
    with refused("AccessDenied"):
        s3.delete_object(Bucket="locked", Key="k", VersionId=made["VersionId"])
    s3.delete_object(Bucket="locked", Key="k")  # a marker may always be put in front
    s3.put_object_legal_hold(Bucket="locked", Key="k", VersionId=made["VersionId"],
                             LegalHold={"Status": "ON"})
    with refused("AccessDenied"):
        s3.delete_object(Bucket="locked", Key="k", VersionId=made["VersionId"],
                         BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket="locked", Key="k", VersionId=made["VersionId"],
                             LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket="locked", Key="k", VersionId=made["VersionId"], BypassGovernanceRetention=True)
    assert listed(s3, "locked")[0] == []

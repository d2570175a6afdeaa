"""Listings: order, prefixes, delimiters, pages."""

import pytest

KEYS = ["a", "a b", "b/1", "b/2", "b/c/3", "b0", "c/", "d+e", "ü/1", "ü/2"]


@pytest.fixture(scope="module")
def filled(cloudlet):
    """A bucket with KEYS."""
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="filled")
    for key in KEYS:
        s3.put_object(Bucket="filled", Key=key, Body=key.encode())
    return "filled"


def model(prefix, delimiter):
    """What a listing must show, by the plainest means."""
    shown = []
    for key in sorted(KEYS, key=str.encode):
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            entry = key if at < 0 else key[:at + len(delimiter)]
            if entry not in shown:
                shown.append(entry)
    return shown


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("delimiter", ["", "/", "b"])
@pytest.mark.parametrize("prefix", ["", "b", "b/", "ü", "nothing", "c/"])
def test_all_pages_together_show_everything_once(s3, filled, prefix, delimiter, size):
    shown = []
    for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=filled, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}):
        entries = [one["Key"] for one in page.get("Contents", ())]
        prefixes = [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        assert page["KeyCount"] == len(entries) + len(prefixes) <= size
        shown += sorted(entries + prefixes, key=str.encode)
    assert shown == model(prefix, delimiter)


def test_the_first_version_pages_by_marker(s3, filled):
    first = s3.list_objects(Bucket=filled, Delimiter="/", MaxKeys=3)
    assert (first["IsTruncated"], first["NextMarker"]) == (True, "b/")
    second = s3.list_objects(Bucket=filled, Delimiter="/", MaxKeys=3, Marker="b/")
    assert [one["Key"] for one in second["Contents"]] == ["b0", "d+e"]


def test_start_after_begins_behind_a_key_that_need_not_be_there(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, StartAfter="b/15", MaxKeys=2)
    assert [one["Key"] for one in page["Contents"]] == ["b/2", "b/c/3"]


def test_a_listing_costs_what_it_shows(cloudlet, s3, bucket):
    for n in range(300):
        s3.put_object(Bucket=bucket, Key=f"deep/{n:04}", Body=b"")
    s3.put_object(Bucket=bucket, Key="last", Body=b"")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["deep/"]
    assert [one["Key"] for one in page["Contents"]] == ["last"]


def test_odd_limits_and_encodings_are_refused(s3, filled, fetch, cloudlet, refused):
    assert "Contents" not in s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    with refused("InvalidArgument"):
        s3.list_objects_v2(Bucket=filled, EncodingType="base64")
    with refused("InvalidArgument"):
        s3.list_objects_v2(Bucket=filled, ContinuationToken="!")


def test_keys_are_shown_as_they_are_without_an_encoding(s3, bucket, fetch, cloudlet):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="\U0001f600 ü\r\n<&>")
    body = fetch(f"{cloudlet.url}/{bucket}?list-type=2")[2]
    assert "<Key>\U0001f600 ü&#13;\n&lt;&amp;&gt;</Key>".encode() in body


def test_a_listing_shows_times_as_the_objects_themselves_do(s3, bucket, fetch, cloudlet):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k")
    listed, = s3.list_objects_v2(Bucket=bucket)["Contents"]
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    copied = s3.copy_object(Bucket=bucket, Key="k2", CopySource={"Bucket": bucket, "Key": "k"})
    assert listed["LastModified"] == versions[0]["LastModified"] == s3.head_object(
        Bucket=bucket, Key="k")["LastModified"]
    assert copied["CopyObjectResult"]["LastModified"] == s3.head_object(
        Bucket=bucket, Key="k2")["LastModified"]
    assert b".000Z</LastModified>" in fetch(f"{cloudlet.url}/{bucket}")[2]

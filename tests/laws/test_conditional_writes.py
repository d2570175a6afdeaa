"""Conditional writes to one object lose no update, whoever else writes: what is counted so is right."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

CLIENTS, TURNS = 8, 6
SIZES = {"in the store": 1, "in a file": 50_000}


@pytest.fixture(scope="module")
def s3(cloudlet):
    client = cloudlet.client("s3")
    client.create_bucket(Bucket="contended")
    return client


def everybody(work):
    """What ``work`` gives to each of many clients that do it at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [one.result() for one in [pool.submit(work, n) for n in range(CLIENTS)]]


def refused(error):
    code = error.response["Error"]["Code"]
    assert code in ("PreconditionFailed", "ConditionalRequestConflict"), code


def body(number, size):
    return b"%08d" % number * size


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_who_adds_one_to_what_he_read_is_never_overlooked(s3, size):
    key = f"counter{size}"
    s3.put_object(Bucket="contended", Key=key, Body=body(0, size))

    def add(client):
        mine = []
        while len(mine) < TURNS:
            found = s3.get_object(Bucket="contended", Key=key)
            text = found["Body"].read()
            number = int(text[:8])
            assert text == body(number, size)  # of one write, not of two
            try:
                s3.put_object(Bucket="contended", Key=key, Body=body(number + 1, size), IfMatch=found["ETag"])
            except ClientError as error:
                refused(error)
            else:
                mine.append(number + 1)
        return mine

    written = [number for mine in everybody(add) for number in mine]
    assert sorted(written) == list(range(1, CLIENTS * TURNS + 1))
    assert s3.get_object(Bucket="contended", Key=key)["Body"].read() == body(CLIENTS * TURNS, size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_of_all_who_create_what_must_not_be_there_one_does(s3, size):
    for turn in range(TURNS):
        key = f"lock{size}-{turn}"

        def create(client, key=key):
            try:
                s3.put_object(Bucket="contended", Key=key, Body=body(client, size), IfNoneMatch="*")
            except ClientError as error:
                refused(error)
                return None
            return client

        winners = [client for client in everybody(create) if client is not None]
        assert len(winners) == 1
        assert s3.get_object(Bucket="contended", Key=key)["Body"].read() == body(winners[0], size)


def test_of_all_who_complete_an_upload_of_what_must_not_be_there_one_does(s3):
    def complete(client):
        upload = {"Bucket": "contended", "Key": "whole"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        etag = s3.upload_part(**upload, PartNumber=1, Body=body(client, 50_000))["ETag"]
        try:
            s3.complete_multipart_upload(**upload, IfNoneMatch="*",
                                         MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        except ClientError as error:
            refused(error)
            return None
        return client

    winners = [client for client in everybody(complete) if client is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket="contended", Key="whole")["Body"].read() == body(winners[0], 50_000)


def test_what_is_deleted_if_it_is_as_it_was_read_is_deleted_once_for_each_time_it_was_written(s3):
    def swap(client):
        gone = 0
        for _ in range(TURNS):
            etag = s3.put_object(Bucket="contended", Key="swapped", Body=b"%d" % client)["ETag"]
            try:
                s3.delete_object(Bucket="contended", Key="swapped", IfMatch=etag)
                gone += 1
            except ClientError as error:
                assert error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey")
        return gone

    assert sum(everybody(swap)) >= 1
    left = s3.list_objects_v2(Bucket="contended", Prefix="swapped").get("Contents", [])
    for one in left:  # whose writer came too late to delete it is still there, whole
        assert s3.get_object(Bucket="contended", Key=one["Key"])["ETag"] == one["ETag"]

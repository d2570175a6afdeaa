"""A test goes back to what it had kept."""

from datetime import timedelta

import pytest

from cloudlet.store import StoreError


def test_a_test_goes_back_to_what_it_kept_as_often_as_it_likes(cloudlet):
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="things")
    s3.put_object(Bucket="things", Key="large", Body=b"first" * 20_000)
    cloudlet.snapshot("ready")
    for _ in range(3):
        s3.put_object(Bucket="things", Key="large", Body=b"other")
        s3.put_object(Bucket="things", Key="new", Body=b"other" * 20_000)
        cloudlet.restore("ready")
        assert s3.get_object(Bucket="things", Key="large")["Body"].read() == b"first" * 20_000
        assert s3.list_objects_v2(Bucket="things")["KeyCount"] == 1


def test_time_goes_back_with_the_rest(cloudlet):
    cloudlet.clock.freeze()
    then = cloudlet.clock.now
    cloudlet.snapshot("then")
    cloudlet.clock.advance(timedelta(days=30))
    cloudlet.restore("then")
    assert cloudlet.clock.now == then


def test_there_is_no_way_back_to_what_was_not_kept(cloudlet):
    with pytest.raises(StoreError, match=r"There is no snapshot nowhere\. There are: none\."):
        cloudlet.restore("nowhere")

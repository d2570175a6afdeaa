"""What the stories about access points share."""

import itertools
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
_numbers = itertools.count()


@pytest.fixture
def clients(cloudlet):
    """Clients as SDKs are without a hint: they put accounts and access points before the host's name.

    The cloudlet is their proxy, for not every machine finds the names below ``localhost``.
    """
    def make(service, key="test", region="us-east-1"):
        return boto3.client(
            service, endpoint_url=f"http://localhost:{cloudlet.port}", region_name=region,
            aws_access_key_id=key, aws_secret_access_key="test",
            config=Config(proxies={"http": cloudlet.url}, retries={"total_max_attempts": 1}))

    return make


@pytest.fixture
def s3(clients):
    """A client of S3."""
    return clients("s3")


@pytest.fixture
def control(clients):
    """A client of S3's control plane."""
    return clients("s3control")


@pytest.fixture
def bucket(s3):
    """A new bucket."""
    name = f"behind-points-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def point(control, bucket):
    """A new access point to the bucket: its name, its ARN and its alias."""
    name = f"point-{next(_numbers)}"
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    return name, made["AccessPointArn"], made["Alias"]


@pytest.fixture
def refused():
    """``with refused("NoSuchKey"):`` expects that error."""
    @contextmanager
    def expect(code):
        with pytest.raises(ClientError) as caught:
            yield caught
        assert caught.value.response["Error"]["Code"] == code

    return expect

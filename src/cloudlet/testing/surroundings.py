"""The environment of a test: every AWS SDK in the process speaks to its cloudlet, and to nobody else."""

import os
import sys

import pytest

ACCOUNT, REGION, SECRET = "000000000000", "us-east-1", "cloudlet"
_GONE = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN",
         "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
         "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


def point_sdks(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Set what SDKs read, and let boto3 forget a session that it made before."""
    given = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": SECRET,
             "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
             "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for name in os.environ.keys() & {*_GONE, *(one for one in os.environ
                                              if one.startswith("AWS_ENDPOINT_URL_"))}:
        monkeypatch.delenv(name)
    if "boto3" in sys.modules:
        monkeypatch.setattr(sys.modules["boto3"], "DEFAULT_SESSION", None)

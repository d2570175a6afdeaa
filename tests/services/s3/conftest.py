"""What the stories about S3 share."""

import itertools
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count()


@pytest.fixture
def s3(cloudlet):
    """A client of the cloudlet that a module shares."""
    return cloudlet.client("s3")


@pytest.fixture
def bucket(s3):
    """A new bucket."""
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def refused():
    """``with refused("NoSuchKey") as error:`` expects that error."""
    @contextmanager
    def expect(code: str):
        with pytest.raises(ClientError) as caught:
            yield caught
        assert caught.value.response["Error"]["Code"] == code

    return expect


@pytest.fixture
def eventually():
    """Ask again until the answer is the one that is waited for; the last answer comes back."""
    def ask(question, wanted):
        answer = None
        for _ in range(300):
            answer = question()
            if answer == wanted:
                break
        return answer

    return ask


@pytest.fixture
def fetch():
    """An HTTP request as anyone can send it: status, headers and body come back."""
    def send(url: str, method: str = "GET", data: bytes | None = None, **headers: str):
        request = urllib.request.Request(url, data=data, method=method, headers={
            name.replace("_", "-"): value for name, value in headers.items()})
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    return send


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None

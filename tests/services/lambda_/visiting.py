"""A plain HTTP client for function URLs: what comes back, piece by piece, with nothing added."""

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@dataclass
class Answer:
    """What came back; ``lines`` has every header as it was sent."""

    status: int
    lines: list
    body: bytes
    headers: dict = field(init=False)

    def __post_init__(self):
        self.headers = {name.lower(): value for name, value in self.lines}

    @property
    def json(self):
        return json.loads(self.body)

    def all(self, name):
        return [value for each, value in self.lines if each.lower() == name]


@contextmanager
def begun(url, method="GET", body=None, headers=None):
    """A request whose answer has begun; its body is for the caller to read."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, headers or {})
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


def visit(url, method="GET", body=None, headers=None):
    """One request and its whole answer."""
    with begun(url, method, body, headers) as answer:
        return Answer(answer.status, answer.getheaders(), answer.read())


def signed(url, key, secret, token=None, *, method="GET", body=b"", service="lambda", region="us-east-1",
           query=False):
    """The URL and the headers of a request as botocore signs it."""
    request = AWSRequest(method, url, data=body)
    way = SigV4QueryAuth if query else SigV4Auth
    way(Credentials(key, secret, token), service, region).add_auth(request)
    return request.prepare().url, dict(request.headers)

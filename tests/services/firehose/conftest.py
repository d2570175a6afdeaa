"""What the tests of Firehose have in common: a bucket, streams into it, and what lies there."""

import gzip
import http.server
import itertools
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/nobody"
_numbers = itertools.count(1)


class Delivery:
    """A stream into a bucket of its own."""

    def __init__(self, running, name: str) -> None:
        self.running, self.name, self.bucket = running, name, f"bucket-of-{name}"
        self.firehose, self.s3 = running.client("firehose"), running.client("s3")
        self.s3.create_bucket(Bucket=self.bucket)

    def place(self, **more) -> dict:
        """The S3 destination."""
        return {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{self.bucket}", **more}

    def put(self, *data: bytes) -> None:
        """Put records at once."""
        self.firehose.put_record_batch(DeliveryStreamName=self.name, Records=[{"Data": one} for one in data])

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects."""
        return [one["Key"] for one in
                self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def objects(self, count: int = 1, prefix: str = "") -> dict[str, bytes]:
        """The objects, once there are so many."""
        found = eventually(lambda: (keys := self.keys(prefix)) if len(self.keys(prefix)) >= count else None)
        assert len(found) == count, found
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in found}

    def accounts(self, prefix: str) -> list[dict]:
        """The accounts of failures that are in an object."""
        (_, body), = self.objects(1, prefix).items()
        return [json.loads(line) for line in body.splitlines()]

    def describe(self) -> dict:
        """What DescribeDeliveryStream says."""
        return self.firehose.describe_delivery_stream(
            DeliveryStreamName=self.name)["DeliveryStreamDescription"]


def eventually(ask):
    """What becomes true soon: asked again and again, for ten seconds at most."""
    deadline = time.monotonic() + 10
    while not (found := ask()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return found


@pytest.fixture
def stream():
    """A new stream into a bucket of its own: ``stream(cloudlet, CompressionFormat="GZIP")``."""
    def new(running, **more) -> Delivery:
        made = Delivery(running, f"stream-{next(_numbers)}")
        hints = {"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}}
        made.firehose.create_delivery_stream(
            DeliveryStreamName=made.name, ExtendedS3DestinationConfiguration=made.place(**(hints | more)))
        return made

    return new


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


class Endpoint:
    """An HTTP endpoint that answers as it is told, and remembers what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.requests.append((headers, body))
                status, answer = endpoint.answers.pop(0) if endpoint.answers else (200, None)
                if answer is None:
                    answer = {"requestId": headers["x-amz-firehose-request-id"], "timestamp": 1}
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in?x=1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def received(self, count: int = 1) -> list[tuple[dict[str, str], dict]]:
        """The requests, once there are so many."""
        eventually(lambda: len(self.requests) >= count)
        return [(headers, json.loads(gzip.decompress(body) if "content-encoding" in headers else body))
                for headers, body in self.requests]

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint():
    """An HTTP endpoint."""
    made = Endpoint()
    yield made
    made.close()

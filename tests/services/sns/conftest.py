"""What the tests of SNS have in common: topics, queues that listen, and a real HTTP endpoint."""

import itertools
import json
import queue
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

# a queue takes from services only what its policy lets them send
OPEN = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}})

_numbers = itertools.count(1)


class Listener:
    """A queue that is subscribed to topics."""

    def __init__(self, running, name: str) -> None:
        self.sqs = running.client("sqs")
        attributes = {"Policy": OPEN} | ({"FifoQueue": "true"} if name.endswith(".fifo") else {})
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"

    def messages(self, seconds: int = 0) -> list[dict]:
        """What has come, as SQS gives it; waits up to so many seconds for the first."""
        found = []
        while got := self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if found else seconds,
                MessageAttributeNames=["All"], AttributeNames=["All"]).get("Messages"):
            found += got
            for one in got:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])
        return found

    def bodies(self, seconds: int = 0) -> list[str]:
        """The bodies of what has come."""
        return [one["Body"] for one in self.messages(seconds)]

    def envelopes(self, seconds: int = 0) -> list[dict]:
        """What has come in envelopes."""
        return [json.loads(body) for body in self.bodies(seconds)]

    def heard(self, seconds: int = 0) -> list[str]:
        """The messages in the envelopes that have come."""
        return [one["Message"] for one in self.envelopes(seconds)]


class Posted:
    """One request that an endpoint got."""

    def __init__(self, path: str, headers, body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Endpoint:
    """A web server that takes what topics post, and answers as it is told (200 when nothing is said)."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self._posted: queue.Queue[Posted] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.answers.pop(0) if outer.answers else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("location", "/elsewhere")
                self.end_headers()
                outer._posted.put(Posted(self.path, dict(self.headers), body))

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def next(self) -> Posted:
        """The next request that came; waits for it."""
        return self._posted.get(timeout=10)

    def silent(self) -> bool:
        """Whether nothing waits to be looked at."""
        return self._posted.empty()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint():
    """A web server of the test's own."""
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def sns(cloudlet):
    """A client of the cloudlet that a module shares."""
    return cloudlet.client("sns")


@pytest.fixture
def make():
    """A new topic of a name of its own: ``make(cloudlet, fifo=True, DisplayName="x")`` is its ARN."""
    def new(running, *, fifo: bool = False, **attributes: str) -> str:
        name = f"topic-{next(_numbers)}" + (".fifo" if fifo else "")
        attributes |= {"FifoTopic": "true"} if fifo else {}
        return running.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]

    return new


@pytest.fixture
def listen():
    """A new queue that hears a topic: ``listen(cloudlet, topic, RawMessageDelivery="true")``."""
    def new(running, topic: str | None = None, *, fifo: bool = False, **attributes: str) -> Listener:
        found = Listener(running, f"queue-{next(_numbers)}" + (".fifo" if fifo else ""))
        if topic:
            found.subscription = running.client("sns").subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=found.arn, Attributes=attributes)["SubscriptionArn"]
        return found

    return new


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, *given, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(*given, **params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture
def settled():
    """Wait until what the clock has started is over: a post is, when its answer has been read and noted."""
    def wait(running):
        deadline = time.monotonic() + 10
        while running.cloudlet._timers._running:
            assert time.monotonic() < deadline, "it never ended"
            time.sleep(0.001)

    return wait


@pytest.fixture
def visit():
    """Open a link as a browser would."""
    def get(url: str) -> str:
        with urllib.request.urlopen(url) as answer:
            return answer.read().decode()

    return get

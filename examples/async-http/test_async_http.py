"""The tests of reports: `pytest examples/async-http`, with cloudlet installed."""

import json
import threading
import urllib.request
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


class Inbox:
    """A server to be called back at, which may be away at first."""

    def __init__(self):
        self.calls, self.away, inbox = [], 0, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.calls.append(json.loads(body))
                self.send_response(503 if len(inbox.calls) <= inbox.away else 204)
                self.end_headers()

            def log_message(self, *told):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def inbox():
    found = Inbox()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def ask(cloudlet):
    cloudlet.deploy(".")

    def send(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(cloudlet.url("Api") + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), json.load(answer)

    return send


def test_a_report_is_promised_at_once_and_there_after_an_hour(cloudlet, ask):
    status, headers, _ = ask("/reports", {"numbers": [1, 2, 3]})
    assert (status, ask(headers["location"])[0]) == (202, 202)
    cloudlet.clock.advance(minutes=59)
    assert ask(headers["location"])[0] == 202
    cloudlet.clock.advance(minutes=1)
    assert ask(headers["location"])[::2] == (200, {"status": "SUCCEEDED", "report": {"sum": 6, "count": 3}})


def test_who_asked_for_it_is_called_back(cloudlet, ask, inbox):
    ask("/reports", {"numbers": [40, 2], "callback": inbox.url})
    cloudlet.clock.advance(hours=1)
    cloudlet.eventually(lambda: inbox.calls)
    assert inbox.calls == [{"sum": 42, "count": 2}]


def test_who_is_away_is_called_again_after_one_and_two_minutes(cloudlet, ask, inbox):
    inbox.away, began = 2, cloudlet.clock.now
    ask("/reports", {"numbers": [1], "callback": inbox.url})
    cloudlet.clock.advance(hours=1)
    cloudlet.eventually(lambda: len(inbox.calls) == 3)
    assert cloudlet.clock.now - began >= timedelta(hours=1, minutes=3)

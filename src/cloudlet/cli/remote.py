"""A running cloudlet, seen from a command: where it is, and how to ask it something.

Standard library only: importing boto3 would take longer than most commands do. How requests are signed
says :mod:`.signing`.
"""

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import click

from .paper import fail
from .signing import ACCOUNT, Key, key_of_environment, signed, unproved

ENDPOINT_FILE, TOKEN_FILE = "endpoint", "token"
TOKEN_VARIABLE = "CLOUDLET_TOKEN"
_TOKEN_HEADER = "x-cloudlet-token"
DATA_FOLDER = ".cloudlet"
_DEFAULT = "http://127.0.0.1:4566"
_JSON = {"logs": ("Logs_20140328", "1.1"), "states": ("AWSStepFunctions", "1.0")}
_VERSIONS = {"cloudformation": "2010-05-15"}
_TIMEOUT_S = 910.0  # a function may run for 15 minutes


class Refusal(click.ClickException):
    """The cloudlet answered, and the answer was an error."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code, self.status = code, status


class Remote:
    """A cloudlet at an endpoint, as one account and region see it."""

    def __init__(self, endpoint: str, token: str = "") -> None:
        parts = urlsplit(endpoint if "//" in endpoint else f"http://{endpoint}")
        if not parts.hostname:
            raise fail(f"{endpoint!r} is no endpoint.", "Give one such as http://127.0.0.1:4566.")
        self.endpoint = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._account, self.region = account_and_region()
        self.patience_s: float | None = _TIMEOUT_S  # for an answer
        self.token = token  # who shows it may use the cloudlet's own API
        self._key: Key | None = None
        self._asked = False  # which key to sign with

    def control(self, path: str, body: object = None) -> Any:
        """The cloudlet's own API: the JSON under ``/_cloudlet/``."""
        data = None if body is None else json.dumps(body).encode()
        status, _, raw = self.send("POST" if data is not None else "GET", f"/_cloudlet/{path}",
                                   {_TOKEN_HEADER: self.token}, data)
        answer = _decoded(raw)
        if status >= 400:
            raise Refusal("", answer.get("message", f"{self.endpoint} answered {status}."), status)
        return answer

    def json(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """An operation of a service that speaks JSON."""
        target, version = _JSON[service]
        headers = {"x-amz-target": f"{target}.{operation}",
                   "content-type": f"application/x-amz-json-{version}"}
        return self._answer(*self.signed(service, "POST", "/", headers, json.dumps(params).encode()))

    def rest(self, service: str, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """An operation of a service that speaks REST with JSON."""
        return self._answer(*self.signed(service, method, path, {}, body))

    def query(self, service: str, action: str, **params: str) -> ElementTree.Element:
        """An operation of a service that speaks forms and XML; names carry no namespace."""
        form = urlencode({"Action": action, "Version": _VERSIONS[service], **params}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, _, raw = self.signed(service, "POST", "/", headers, form)
        try:
            tree = ElementTree.fromstring(re.sub(rb' xmlns="[^"]+"', b"", raw, count=1))
        except ElementTree.ParseError:
            answer = _decoded(raw)  # what answers here does not serve it, and says so in its own way
            raise Refusal(answer.get("__type", ""), answer.get("message", f"status {status}"),
                          status) from None
        if status >= 400:
            raise Refusal(tree.findtext(".//Code", ""), tree.findtext(".//Message", ""), status)
        return tree

    def signed(self, service: str, method: str, path: str, headers: Mapping[str, str],
               body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        """A request in the name of the environment's key, or of the account."""
        return self.send(method, path, self._signed(service, method, path, headers, body or b""), body)

    def root_key(self, account: str, *, renew: bool = False) -> Key | None:
        """The key of an account itself, if this cloudlet believes only keys it made, and we may know it."""
        if not self.token:
            return None
        answer = self.control(f"credentials?account={account}", {} if renew else None)
        if answer["believed"] != "known":
            return None
        return Key(answer["accessKeyId"], answer["secretAccessKey"])

    def _signed(self, service: str, method: str, path: str, headers: Mapping[str, str],
                body: bytes) -> dict[str, str]:
        if not self._asked:
            self._key, self._asked = key_of_environment() or self.root_key(self._account), True
        if self._key is None:
            return {**headers, **unproved(self._account, self.region, service)}
        return signed(self._key, self.region, service, method, self.endpoint + path, headers, body)

    def lines(self, path: str, body: object = None) -> Iterator[dict[str, Any]]:
        """The cloudlet's own API, where it answers with one JSON object a line, as things happen."""
        connection = self._kind(self._host, self._port, timeout=self.patience_s)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request("GET" if data is None else "POST", f"/_cloudlet/{path}", data,
                               {_TOKEN_HEADER: self.token})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise Refusal("", str(_decoded(answer.read()).get("message")), answer.status)
            while line := answer.readline():
                yield json.loads(line)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def events(self, service: str, operation: str, **params: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """An operation of a service that speaks JSON and answers with events: their names, what they say."""
        from ..wire import eventstream  # it knows AWS's models, and importing them takes its time

        target, version = _JSON[service]
        body = json.dumps(params).encode()
        headers = {"x-amz-target": f"{target}.{operation}",
                   "content-type": f"application/x-amz-json-{version}"}
        headers = self._signed(service, "POST", "/", headers, body)
        connection = self._kind(self._host, self._port, timeout=self.patience_s)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                self._answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
            raw = b""
            while piece := answer.read1(1 << 16):
                raw += piece
                while found := eventstream.decode(raw):
                    message, raw = found
                    said = _decoded(message.payload)
                    if message.headers.get(":message-type") == "exception":
                        raise Refusal(str(message.headers.get(":exception-type")),
                                      str(said.get("message")), 400)
                    yield str(message.headers.get(":event-type")), said
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def send(self, method: str, path: str, headers: Mapping[str, str],
             body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        """One request: status, headers in lower case, body."""
        connection = self._kind(self._host, self._port, timeout=self.patience_s)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def _unreachable(self, error: Exception) -> click.ClickException:
        return fail(f"No cloudlet answers at {self.endpoint} ({_reason(error)}).",
                    "Start one with `cloudlet up`, or say where it is with --endpoint or AWS_ENDPOINT_URL.")

    def _answer(self, status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        answer = _decoded(raw)
        if status >= 400:
            code = headers.get("x-amzn-errortype", answer.get("__type", "")).partition(":")[0]
            message = answer.get("message") or answer.get("Message") or f"status {status}"
            raise Refusal(code.rpartition("#")[2], message, status)
        return answer


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw or b"{}")
    except ValueError:
        return {"message": f"what answers here is no cloudlet: {raw[:200]!r}"}
    return answer if isinstance(answer, dict) else {"message": str(answer)}


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    return (getattr(error, "strerror", "") or str(error) or type(error).__name__).lower()


def account_and_region() -> tuple[str, str]:
    """Where commands work: the account that a key of 12 digits names, and the region of the environment."""
    key = os.environ.get("AWS_ACCESS_KEY_ID", "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return key if ACCOUNT.fullmatch(key) else "000000000000", region


def of_data(data: Path) -> Remote:
    """The cloudlet that runs on a data folder."""
    try:
        endpoint = (data / ENDPOINT_FILE).read_text().strip()
        return Remote(endpoint, (data / TOKEN_FILE).read_text().strip())
    except OSError:
        raise fail(f"The cloudlet that runs on {data} has left no note of where it answers.",
                   "Name it with --endpoint, or stop it first.") from None


def find(endpoint: str | None, folder: Path | None = None) -> Remote:
    """The cloudlet meant: the one named, else that of the environment, else the one whose data lies here."""
    named = endpoint or os.environ.get("AWS_ENDPOINT_URL")
    written, token = _written(folder or Path.cwd())
    remote = Remote(named or written or _DEFAULT)
    if remote.endpoint != written:
        token = ""  # it is another cloudlet's
    remote.token = os.environ.get(TOKEN_VARIABLE) or token
    return remote


def _written(folder: Path) -> tuple[str, str]:
    """The endpoint and the token that `cloudlet up` wrote in this folder or in one above it."""
    for place in (folder, *folder.resolve().parents):
        try:
            endpoint = (place / DATA_FOLDER / ENDPOINT_FILE).read_text().strip()
        except OSError:
            continue
        try:
            return endpoint, (place / DATA_FOLDER / TOKEN_FILE).read_text().strip()
        except OSError:
            return endpoint, ""
    return "", ""


def pages(remote: Remote, service: str, path: str, key: str, marker: str) -> Iterator[dict[str, Any]]:
    """The items of a REST listing, page after page."""
    token = ""
    while True:
        answer = remote.rest(service, "GET", f"{path}?Marker={quote(token, safe='')}" if token else path)
        yield from answer.get(key, ())
        token = answer.get(marker) or ""
        if not token:
            return


endpoint_option = click.option(
    "--endpoint", metavar="URL",
    help="Where the cloudlet is. Otherwise AWS_ENDPOINT_URL, the folder's own .cloudlet, or port 4566.")

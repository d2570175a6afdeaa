"""Requests as no client should send them: never a 5xx, never a hang, never the end of the server.

Seeded, so that a run can be had again: CLOUDLET_FUZZ_SEED and CLOUDLET_FUZZ_SECONDS. What fails is
named with its seed, its bytes and the exception that the cloudlet logged.
"""

import logging
import os
import re
import socket
import time

import botocore.session
import pytest
from botocore.serialize import create_serializer

from cloudlet.wire.protocols import WIRES

from .fuzzing import KINDS, PATIENCE_S, Client, Maker, packed

SECONDS = float(os.environ.get("CLOUDLET_FUZZ_SECONDS", "0"))  # 0: as many rounds as is usual, the same ones
ROUNDS = 6
SEED = int(os.environ.get("CLOUDLET_FUZZ_SEED", "1"))


def services(cloudlet):
    return [service for service in cloudlet.cloudlet.kernel.services if service.operations]


def requests(cloudlet, service, theirs, seed):
    """Every served operation in every protocol: once nearly right, and in several kinds of damage."""
    for protocol in service.model.protocols:
        if protocol not in WIRES:
            continue
        serializer = create_serializer(protocol, include_validation=False)
        for name, operation in service.operations.items():
            maker = Maker(f"{seed}/{service.name}/{protocol}/{name}", cloudlet.url)
            params = maker.value(operation.spec.input) if operation.spec.input else {}
            try:
                sent = serializer.serialize_to_request(params, theirs.operation_model(name))
            except Exception:
                continue  # botocore itself can't say it
            for kind in KINDS:
                damaged = kind(maker, sent, protocol)
                if damaged is not None:
                    yield name, kind.__name__, packed(service, *damaged)


class Errors(logging.Handler):
    """What the cloudlet logged of its own exceptions."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.last = ""

    def emit(self, record):
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            frame = error.__traceback__
            while frame and frame.tb_next:
                frame = frame.tb_next
            place = (
                f"{frame.tb_frame.f_code.co_filename.rpartition('cloudlet/')[2]}:{frame.tb_lineno}"
                if frame
                else ""
            )
            self.last = f"{type(error).__name__}: {str(error)[:150]} at {place}"


def furnish(cloudlet):
    """A few things that exist, so that requests get past 'there is no such thing'."""
    for service, operation, params in [
        ("sqs", "create_queue", {"QueueName": "fuzz"}),
        ("s3", "create_bucket", {"Bucket": "fuzz"}),
        ("s3", "put_object", {"Bucket": "fuzz", "Key": "key", "Body": b"body"}),
        (
            "dynamodb",
            "create_table",
            {
                "TableName": "fuzz",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            },
        ),
        ("logs", "create_log_group", {"logGroupName": "fuzz"}),
        ("iam", "create_user", {"UserName": "fuzz"}),
        (
            "iam",
            "create_role",
            {"RoleName": "fuzz", "AssumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":[]}'},
        ),
    ]:
        if service in cloudlet.cloudlet.kernel.services.names:
            try:
                getattr(cloudlet.client(service), operation)(**params)
            except Exception:
                logging.getLogger(__name__).info("could not make %s for the fuzzer", operation)


@pytest.mark.timeout(SECONDS * 2 + 700)
def test_no_request_however_wrong_gets_a_5xx_or_stops_the_server(cloudlet):
    furnish(cloudlet)
    theirs, client, errors = botocore.session.get_session().get_service_model, Client(cloudlet.port), Errors()
    logging.getLogger("cloudlet").addHandler(errors)
    found, sent, until, seed = {}, 0, time.monotonic() + (SECONDS or 600), SEED
    try:
        while time.monotonic() < until and seed < SEED + (10_000 if SECONDS else ROUNDS):
            for service in services(cloudlet):
                for name, kind, data in requests(cloudlet, service, theirs(service.name), seed):
                    errors.last = ""
                    status, body = client.ask(data)
                    sent += 1
                    if status >= 500:
                        why = errors.last or body.decode("utf-8", "replace")
                        title = f"{service.name}:{name} {status} ({kind}, seed {seed}) {why}"
                        place = (service.name, name, why.split(" at ")[-1])
                        found.setdefault(place, f"{title}\n    {data[-300:]!r}")
                    if time.monotonic() > until:
                        break
            seed += 1
    finally:
        logging.getLogger("cloudlet").removeHandler(errors)
        client.close()
    assert cloudlet.control("health")["status"] == "running"
    assert sent > 0
    assert not found, f"{len(found)} of {sent} requests:\n" + "\n".join(list(found.values())[:60])


RAW = [
    b"",
    b"\r\n" * 1000,
    b"GET",
    b"GET /",
    b"\xff" * 5000,
    b"\x16\x03\x01" + b"\0" * 500,
    b"POST / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\ncontent-length: 99\r\n\r\n{}",
    b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n{}",
    b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET http:// HTTP/1.1\r\n\r\n",
    b"GET * HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    b"GET /%ff%00 HTTP/1.1\r\nhost: \xff\xff\r\n\r\n",
    b"GET /_site/ HTTP/1.1\r\n\r\n",
    b"GET /_site/x/y HTTP/1.1\r\n\r\n",
    b"GET /_site/execute-api/x/%00 HTTP/1.1\r\nhost: a.b.c\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: ......\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x.execute-api.us-east-1.localhost\r\n\r\n",
    b'POST /_cloudlet/clock HTTP/1.1\r\nx-cloudlet-token:TOKEN\r\ncontent-length: 15\r\n\r\n{"advance": 1e9',
    b'POST /_cloudlet/clock HTTP/1.1\r\nx-cloudlet-token:TOKEN\r\ncontent-length:18\r\n\r\n'
    b'{"advance": 1e999}',
    b'POST /_cloudlet/clock HTTP/1.1\r\nx-cloudlet-token:TOKEN\r\ncontent-length: 14\r\n\r\n{"set": 1e300}',
    b'POST /_cloudlet/clock HTTP/1.1\r\nx-cloudlet-token:TOKEN\r\ncontent-length: 15\r\n\r\n{"set": -1e300}',
    b"POST / HTTP/1.1\r\nx-amz-target: \r\ncontent-length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nx-amz-target: .\r\ncontent-length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nx-amz-target: AmazonSQS\r\ncontent-length: 2\r\n\r\n{}",
    b"POST /service/x/operation/y HTTP/1.1\r\nsmithy-protocol: rpc-v2-cbor\r\ncontent-length: 1\r\n\r\n\xff",
    b"GET /?Action=ListQueues&Version= HTTP/1.1\r\n\r\n",
    b"GET /?Action=&&&=%%% HTTP/1.1\r\n\r\n",
    b"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=////////\r\n\r\n",
    b"GET / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=a/b/\xff/s3/x, Signature=1\r\n\r\n",
    b"GET / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us\x01/s3/aws4_request\r\n\r\n",
    b"GET / HTTP/1.1\r\nauthorization: AWS a:b\r\n\r\n",
    b"GET / HTTP/1.1\r\nauthorization: Basic %%\r\n\r\n",
    b"GET / HTTP/1.1\r\norigin: http://[\r\n\r\n",
    b"PURGE / HTTP/1.1\r\n\r\n",
    b"TRACE / HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("data", RAW, ids=lambda data: repr(data)[2:40])
def test_bytes_that_mean_nothing_do_no_harm(cloudlet, data):
    """The client closes its half: an answer or the end must come, and no 5xx."""
    with socket.create_connection(("127.0.0.1", cloudlet.port), timeout=PATIENCE_S) as connection:
        connection.sendall(data.replace(b"TOKEN", cloudlet.cloudlet.token.encode()))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := connection.recv(1 << 16):
                answer += piece
        except ConnectionResetError:
            pass
    assert not re.search(rb"HTTP/1\.1 5", answer), answer
    assert cloudlet.control("health")["status"] == "running"

"""Escapes over the network: of the machine, where functions share it, and of their own, where they don't."""

import json
import os
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cloudlet.functions import doors, runtimes

AS = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, BotoCoreError
QUICK = Config(retries={"max_attempts": 0}, connect_timeout=3)
def asked(service, operation, key=None, **params):
    given = {"aws_access_key_id": key, "aws_secret_access_key": "x", "aws_session_token": None} if key else {}
    try:
        return getattr(boto3.client(service, config=QUICK, **given), operation)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"]
"""
VISIT = """
import urllib.error, urllib.request
def visit(path, body=None, headers={}):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
"""


# -- the cloudlet's own API


def test_a_function_cannot_move_the_clock_or_break_services(either):
    before = either.control("clock")["offset"]
    assert either.run(VISIT + """
def handler(event, context):
    return [visit("/_cloudlet/health"), visit("/_cloudlet/clock", b'{"advance": 86400}'),
            visit("/_cloudlet/faults", b'{"rules": [{"service": "sqs", "error": "X"}]}'),
            visit("/_cloudlet/faults"), visit("/_cloudlet/traces?trace=x"), visit("/_cloudlet/deploy", b"{}"),
            visit("/_cloudlet/reset", b"{}"), visit("/_cloudlet//clock", b'{"advance": 1}'),
            visit("/_cloudlet/clock", b'{"advance": 1}', {"x-cloudlet-token": ""}),
            visit("/_cloudlet/clock", b'{"advance": 1}', {"x-cloudlet-token": "0" * 64}),
            [name for name, text in os.environ.items() if event in text]]
""", either.token) == [200, *[403] * 9, []]
    assert either.control("clock")["offset"] == before
    assert either.control("faults")["rules"] == []


def test_the_token_cannot_be_had_by_letting_the_cloudlet_ask_itself(cloud):
    """An API that passes requests on does so without the token."""
    api = cloud.client("apigatewayv2").create_api(
        Name="inside", ProtocolType="HTTP", Target=f"{cloud.url}/_cloudlet/clock")
    visit = urllib.request.Request(f"{cloud.url}/_site/execute-api/{api['ApiId']}/", b'{"advance": 86400}')
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(visit, timeout=10)
    with refused.value as answer:
        assert answer.status in (403, 404), answer.read()
    assert cloud.control("clock")["offset"] == 0


# -- abstract sockets, which no mount hides


def test_abstract_sockets_of_the_machine_are_out_of_reach(cloud):
    if not cloud.abilities["no abstract sockets"]:
        pytest.skip("this kernel has no Landlock that knows abstract sockets")
    name = f"\0of-the-machine-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        with socket.socket(socket.AF_UNIX) as near:
            near.connect(name)
        assert cloud.run("""
def handler(event, context):
    own = socket.socket(socket.AF_UNIX)
    own.bind("\\0own")
    own.listen()
    return [tried(socket.socket(socket.AF_UNIX).connect, name) for name in (event, "\\0own")]
""", name) == ["EPERM", None]


def test_the_cloudlet_itself_listens_at_no_abstract_socket(cloud):
    """Nor do its zygotes and workers."""
    own = set()
    for pid in (cloud.process.pid, *map(int, _children(cloud.process.pid))):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            link = str(path.readlink())
            own |= {link.removeprefix("socket:[").rstrip("]")} if link.startswith("socket:[") else set()
    named = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:] if "@" in line]
    assert own and [fields[-1] for fields in named if fields[6] in own] == []


def _children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return found + [one for child in found for one in _children(child)]


# -- a network of their own


def test_an_isolated_function_finds_the_cloudlet(island):
    assert island.run(AS + """
def handler(event, context):
    url = boto3.client("sqs").create_queue(QueueName="inside")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="hello")
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with socket.create_connection(("localhost", port), 3) as near:
        peer = near.getpeername()[0]
    return [os.environ["AWS_ENDPOINT_URL"], peer]
""") == [island.url, "127.0.0.1"]
    sqs = island.client("sqs")
    url = sqs.get_queue_url(QueueName="inside")["QueueUrl"]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_an_isolated_node_function_finds_it_too(island):
    node = max((name for name in runtimes.found() if name.startswith("nodejs")), default="")
    if not node:
        pytest.skip("node is not installed")
    answer, error = island.invoke(island.deploy("""
exports.handler = async () => {
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/_cloudlet/health`);
  const far = await fetch("http://example.com/").catch((error) => error.cause.code);
  const dns = await require("node:dns").promises.resolve("example.com").catch((error) => error.code);
  return [(await answer.json()).status, far, dns];
};
""", runtime=node))
    assert error is None, answer
    assert answer[0] == "running" and answer[1] in ("ENOTFOUND", "EAI_AGAIN") and answer[2] == "ECONNREFUSED"


def test_nothing_else_answers_an_isolated_function_and_it_hears_so_at_once(island):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        found = island.run("""
def connect(host, port):
    return tried(lambda: socket.create_connection((host, port), 20).close())
def handler(event, context):
    begun = time.monotonic()
    try:
        name = socket.getaddrinfo("example.com", 80)
    except socket.gaierror as error:
        name = error.errno
    sent = tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)))
    return [connect("127.0.0.1", event), connect("169.254.169.254", 80), connect("10.0.0.1", 22),
            connect("1.1.1.1", 443), connect("2606:4700::1111", 443), sent, name == socket.EAI_NONAME,
            time.monotonic() - begun < 10]
""", port)
    assert found == ["ECONNREFUSED", *["ENETUNREACH"] * 5, True, True]


def test_interfaces_of_the_machine_cannot_be_seen(island):
    assert island.run("""
def handler(event, context):
    made = ("sit", "tun", "ip", "gre", "erspan")  # what modules put into every network, and nobody can use
    return [[name for _, name in socket.if_nameindex() if not name.startswith(made)],
            len(read("/proc/net/route").splitlines()), len(read("/proc/net/tcp").splitlines()) < 4]
""") == [["lo"], 1, True]


def test_a_server_of_the_functions_own_works_inside(island):
    assert island.run("""
import http.server, threading, urllib.request
def handler(event, context):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 9001), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with urllib.request.urlopen("http://127.0.0.1:9001/app.py", timeout=5) as answer:
        status = answer.status
    server.shutdown()
    server.server_close()
    return status
""") == 200


def test_another_worker_cannot_be_reached(island):
    listener = island.deploy("""
import threading
def handler(event, context):
    server = socket.create_server(("127.0.0.1", 9002))
    threading.Thread(target=server.accept, daemon=True).start()
    socket.create_connection(("127.0.0.1", 9002), 5).close()
    return "listening"
""")
    assert island.invoke(listener) == ("listening", None)
    assert island.run("""
def handler(event, context):
    return tried(socket.create_connection, ("127.0.0.1", 9002), 5)
""") == "ECONNREFUSED"


def test_a_port_cannot_be_taken_over_from_the_cloudlet(island):
    """Neither its own door, nor that of a neighbour."""
    assert island.run("""
def handler(event, context):
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    thief = socket.socket()
    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return tried(thief.bind, ("127.0.0.1", port))
""") == "EADDRINUSE"


def test_an_isolated_function_speaks_for_itself_alone(island):
    """Anywhere else a key that nobody made is taken at its word; here only the one that it was given."""
    role = f"worker-{island.process.pid}"
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"Service": "lambda.amazonaws.com"}}]}
    island.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    name = island.deploy(AS + VISIT + """
def handler(event, context):
    own = asked("sts", "get_caller_identity")["Arn"]
    unsigned = visit("/", b"{}", {"x-amz-target": "AmazonSQS.ListQueues",
                                  "content-type": "application/x-amz-json-1.0"})
    return [own, asked("sts", "get_caller_identity", "000000000000"),
            asked("sqs", "list_queues", "123456789012"),
            asked("lambda", "get_function", "test", FunctionName="x"),
            unsigned]
""")
    island.lambda_.update_function_configuration(
        FunctionName=name, Role=f"arn:aws:iam::000000000000:role/{role}")
    found, error = island.invoke(name)
    assert error is None, found
    assert found[0].startswith(f"arn:aws:sts::000000000000:assumed-role/{role}/"), found
    assert found[1:] == ["InvalidClientTokenId", *["UnrecognizedClientException"] * 2, 403]


def test_a_function_whose_role_is_not_here_speaks_for_its_account(island):
    found = island.run(AS + """
def handler(event, context):
    return [asked("sts", "get_caller_identity")["Arn"], asked("sqs", "list_queues", "123456789012")]
""")
    assert found == ["arn:aws:iam::000000000000:root", "UnrecognizedClientException"]


def test_many_connections_of_one_function_keep_nobody_out(island):
    assert island.run("""
def handler(event, context):
    address = ("127.0.0.1", int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2]))
    held = [socket.create_connection(address, 5) for _ in range(900)]
    kept = 0
    for one in reversed(held):  # those that came too late have been closed by the time the first are asked
        kept += not closed(one)
    return kept
def closed(one):
    one.settimeout(0.001)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
""", Timeout=20) < doors.MOST_CONNECTIONS + 100
    assert island.invoke(island.neighbour, "now") == ("now", None)


def test_doors_are_closed_when_their_workers_end(island, eventually):
    def doors():
        return len(list(Path(f"/proc/{island.process.pid}/fd").iterdir()))
    before = doors()
    for _ in range(3):
        island.invoke(island.deploy("def handler(event, context): os._exit(1)"))
    eventually(lambda: doors() <= before + 8)


def test_the_machines_network_is_there_where_it_was_not_taken_away(cloud):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=lambda: listening.accept()[0].close())
        answering.start()
        assert cloud.run("""
def handler(event, context):
    return tried(lambda: socket.create_connection(("127.0.0.1", event), 5).close())
""", listening.getsockname()[1]) is None
        answering.join()

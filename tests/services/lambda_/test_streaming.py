"""Response streaming: answers that are read while the function still writes them."""

import base64
import json
import socket
from http.client import IncompleteRead
from urllib.parse import urlsplit

import pytest

from cloudlet.functions.streaming import HIGH

from .visiting import begun, visit

STREAM = "RESPONSE_STREAM"


LIBRARY = """
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const told = async (queue) => { // waits for a message of the test's
  const url = `${process.env.AWS_ENDPOINT_URL}/000000000000/${queue}?Action=ReceiveMessage&WaitTimeSeconds=9`;
  while (!(await (await fetch(url)).text()).includes('<Body>'));
};
"""


def streaming(body):
    """A streaming handler of this body."""
    return LIBRARY + f"exports.handler = awslambda.streamifyResponse(async (event, out) => {{ {body} }});"


@pytest.fixture
def streamed(js):
    """Invoke with a streamed answer: the chunks together, how it ended, and the answer itself."""
    def streamed(source, event=None, *, function=None, **options):
        function = function or js(source)
        answer = function.client.invoke_with_response_stream(
            FunctionName=function.name, Payload=json.dumps(event), **options)
        events = list(answer["EventStream"])
        assert list(events[-1]) == ["InvokeComplete"]
        chunks = [each["PayloadChunk"]["Payload"] for each in events[:-1]]
        return b"".join(chunks), events[-1]["InvokeComplete"], answer
    return streamed


def test_what_a_handler_writes_comes_in_chunks(streamed):
    body, end, answer = streamed(
        streaming("out.write('one '); out.write({ two: event.n }); out.end(' three');"), {"n": 2})
    assert (body, end) == (b'one {"two":2} three', {})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"


def test_the_answer_begins_before_the_handler_ends(js, cloudlet):
    function = js(streaming("""
        out.write('begun');
        await told('go-on');
        out.end(' ended');"""), Timeout=25)
    sqs = cloudlet.client("sqs")
    queue = sqs.create_queue(QueueName="go-on")["QueueUrl"]
    answer = function.client.invoke_with_response_stream(FunctionName=function.name)
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"begun"
    sqs.send_message(QueueUrl=queue, MessageBody="now")  # the handler waits for that, and we have read it
    assert b"".join(each["PayloadChunk"]["Payload"] for each in events if "PayloadChunk" in each) == b" ended"


def test_a_buffered_handler_is_answered_at_its_end(streamed, deploy):
    plain = deploy("def handler(event, context): return {'n': event}")
    body, end, _ = streamed("", 7, function=plain, LogType="Tail")
    assert json.loads(body) == {"n": 7}
    assert "END RequestId" in base64.b64decode(end["LogResult"]).decode()


def test_a_failing_handler_says_so_at_the_end(streamed):
    body, end, _ = streamed(streaming("out.write('half'); throw new RangeError('no more');"))
    assert body == b"half"
    assert end["ErrorCode"] == "Unhandled"
    details = json.loads(end["ErrorDetails"])
    assert (details["errorType"], details["errorMessage"]) == ("RangeError", "no more")


def test_a_worker_that_failed_in_mid_stream_answers_the_next(js, streamed):
    function = js(streaming("out.write('x'.repeat(100)); if (event) throw new Error('no'); out.end();"))
    assert streamed("", True, function=function)[1]["ErrorCode"] == "Unhandled"
    assert streamed("", False, function=function)[:2] == (b"x" * 100, {})


def test_a_timeout_ends_the_stream(streamed, js):
    slow = js(streaming("out.write('half'); await sleep(60000);"), Timeout=1)
    body, end, _ = streamed("", function=slow)
    assert body == b"half"
    assert "Task timed out after 1.00 seconds" in end["ErrorDetails"]


def test_a_handler_must_be_async_and_must_end_its_stream_once(streamed):
    _, end, _ = streamed("exports.handler = awslambda.streamifyResponse((event, out) => { out.end('x'); });")
    assert "Streaming does not support non-async handlers." in end["ErrorDetails"]
    _, end, _ = streamed(streaming("out.write('x'); out.setContentType('text/plain'); out.end();"))
    details = json.loads(end["ErrorDetails"])
    assert details["errorType"] == "Runtime.InvalidStreamingOperation"


def test_a_pipeline_of_more_than_any_buffer_holds_arrives_whole(streamed):
    body, end, _ = streamed(streaming("""
        async function* parts() { for (let n = 0; n < 300; n++) yield Buffer.alloc(65000, n % 256); }
        await pipeline(Readable.from(parts()), out);"""))
    assert end == {}
    assert body == b"".join(bytes([n % 256]) * 65000 for n in range(300))


def test_invoke_gathers_a_stream_up_to_its_limit(js):
    answer, error = js(streaming("out.write('{\"n\":'); out.end('1}');"))()
    assert (answer, error) == ({"n": 1}, None)
    answer, error = js(streaming("out.end(Buffer.alloc(7 << 20, 32));"))()
    assert error == "Unhandled"
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(6291556 bytes)" in answer["errorMessage"]


def test_a_response_has_two_hundred_megabytes_at_most(js):
    endless = js(streaming("const part = Buffer.alloc(1 << 20);"
                           "for (;;) if (!out.write(part)) await once(out, 'drain');"),
                 MemorySize=512, Timeout=60)
    answer = endless.client.invoke_with_response_stream(FunctionName=endless.name)
    size, end = 0, {}
    for event in answer["EventStream"]:
        size += len(event.get("PayloadChunk", {}).get("Payload", b""))
        end = event.get("InvokeComplete", end)
    assert 208 << 20 > size > 190 << 20
    assert "Function.ResponseSizeTooLarge" in end["ErrorDetails"]
    assert "(209715200 bytes)" in end["ErrorDetails"]


def test_a_dry_run_runs_nothing_and_what_is_refused_is_refused_at_once(js):
    function = js(streaming("out.end('ran');"))
    invoke = function.client.invoke_with_response_stream
    dry = invoke(FunctionName=function.name, InvocationType="DryRun")
    assert (dry["StatusCode"], list(dry["EventStream"])) == (204, [])
    with pytest.raises(function.client.exceptions.ResourceNotFoundException):
        invoke(FunctionName="nowhere")
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(function.client.exceptions.TooManyRequestsException):
        invoke(FunctionName=function.name)


def test_a_url_streams_with_the_status_headers_and_cookies_of_the_prelude(js, publish):
    url = publish(js(streaming("""
        out = awslambda.HttpResponseStream.from(out, { statusCode: 418, cookies: ['a=1', 'b=2'],
          headers: { 'Content-Type': 'text/plain', 'X-Kind': 'pot' } });
        out.write('short and '); out.end('stout');""")), InvokeMode=STREAM)
    answer = visit(url)
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert (answer.headers["content-type"], answer.headers["x-kind"]) == ("text/plain", "pot")
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["transfer-encoding"] == "chunked"


def test_a_prelude_without_a_body_is_a_response(js, publish):
    url = publish(js(streaming("awslambda.HttpResponseStream.from(out, { statusCode: 302,"
                               " headers: { location: '/there' } }).end();")), InvokeMode=STREAM)
    answer = visit(url)
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/there", b"")


def test_a_url_streams_plain_text_before_the_handler_ends(js, publish, cloudlet):
    queue = cloudlet.client("sqs").create_queue(QueueName="go-on-url")["QueueUrl"]
    url = publish(js(streaming("""
        out.setContentType('text/event-stream');
        out.write('data: 1\\n\\n');
        await told('go-on-url');
        out.end('data: 2\\n\\n');"""), Timeout=25), InvokeMode=STREAM)
    with begun(url) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert answer.read(9) == b"data: 1\n\n"
        cloudlet.client("sqs").send_message(QueueUrl=queue, MessageBody="now")
        assert answer.read() == b"data: 2\n\n"


def test_a_url_streams_what_a_buffered_handler_gave_as_it_is(deploy, publish):
    url = publish(deploy("def handler(event, context): return {'statusCode': 201, 'body': 'x'}"),
                  InvokeMode=STREAM)
    answer = visit(url)
    assert (answer.status, answer.json) == (200, {"statusCode": 201, "body": "x"})


def test_a_failure_before_the_head_is_a_502_and_one_after_it_breaks_the_connection(js, publish):
    answer = visit(publish(js(streaming("throw new Error('early');")), InvokeMode=STREAM))
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    url = publish(js(streaming("out.write('half'); throw new Error('late');")), InvokeMode=STREAM)
    with begun(url) as late:
        assert late.status == 200
        with pytest.raises(IncompleteRead):
            late.read()


@pytest.fixture
def silent():
    """A client that asks and reads no more than the first byte of its answer."""
    clients = []

    def ask(url):
        parts = urlsplit(url)
        client = socket.socket()
        clients.append(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((parts.hostname, parts.port))
        client.sendall(f"GET {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode())
        assert client.recv(1) == b"H"
        return client
    yield ask
    for client in clients:
        client.close()


LARGE = streaming("""
    const part = Buffer.alloc(1 << 20);
    for (let n = 0; n < 60; n++) if (!out.write(part)) await once(out, 'drain');
    out.end();""")


def held(cloudlet, function):
    """What a worker of the function has written and nobody has read, once that is as much as is kept."""
    return next((worker._response for worker in cloudlet.cloudlet.pool._workers.values()
                 if worker.spec.name == function.name and worker._response._unread > HIGH), None)


def test_a_slow_client_holds_the_function_up_and_one_that_leaves_does_not(
        js, publish, cloudlet, eventually, silent):
    function = js(LARGE, Timeout=40)
    client = silent(publish(function, InvokeMode=STREAM))
    response = eventually(lambda: held(cloudlet, function))
    assert response._unread < 4 * HIGH
    assert response.size < 30 << 20
    client.close()
    eventually(lambda: response.size == 60 << 20)  # it goes on, and what it writes is dropped
    assert response._unread == 0


def test_a_function_that_waits_for_a_slow_client_times_out(js, publish, cloudlet, eventually, silent):
    function = js(LARGE, Timeout=2)
    silent(publish(function, InvokeMode=STREAM))
    response = eventually(lambda: held(cloudlet, function))
    eventually(lambda: response.ended)
    assert response.size < 60 << 20

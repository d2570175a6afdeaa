"""Custom runtimes: programs that speak the Lambda Runtime API, in a package or a layer."""

import asyncio
import base64
import json
import shutil
import subprocess

import pytest

from cloudlet.functions import inits
from cloudlet.kernel.folders import allow

LOOP = """
while True:
    event, id, headers = invocation()
    respond(id, {answer})
"""
SHELL = """#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
    EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
    ID=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
    echo "handled by $_HANDLER" >&2
    curl -sS -o /dev/null -d "{\\"echo\\": $EVENT}" "$API/invocation/$ID/response"
done
"""
C = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static char buffer[65536];
static char *ask(int s, const char *request) {  /* on one connection that is kept: the body of the answer */
    size_t have = 0, length;
    if (write(s, request, strlen(request)) < 0) exit(2);
    for (;;) {
        ssize_t got = read(s, buffer + have, sizeof buffer - have - 1);
        if (got <= 0) exit(3);
        have += (size_t)got; buffer[have] = 0;
        char *body = strstr(buffer, "\r\n\r\n"), *size = strstr(buffer, "Content-Length: ");
        if (!body || !size) continue;
        length = strtoul(size + 16, NULL, 10);
        if (have >= (size_t)(body + 4 - buffer) + length) { body[4 + length] = 0; return body + 4; }
    }
}
int main(void) {
    char host[64], id[64], request[8192];
    int port;
    if (sscanf(getenv("AWS_LAMBDA_RUNTIME_API"), "%63[^:]:%d", host, &port) != 2) return 4;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    inet_pton(AF_INET, host, &where.sin_addr);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (struct sockaddr *)&where, sizeof where)) return 5;
    for (int n = 1;; n++) {
        char *event = ask(s, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n");
        char answer[1024];
        sscanf(strstr(buffer, "Aws-Request-Id: ") + 16, "%63[^\r]", id);
        int size = snprintf(answer, sizeof answer, "{\"n\": %d, \"event\": %s}", n, event);
        snprintf(request, sizeof request, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\n"
                 "Host: x\r\nContent-Length: %d\r\n\r\n%s", id, size, answer);
        ask(s, request);
    }
}
"""


def answering(answer: str) -> str:
    """A runtime that answers each event with this expression."""
    return LOOP.replace("{answer}", answer)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("runtime", ["provided.al2", "provided.al2023"])
def test_a_shell_script_with_curl_is_a_runtime(machine, runtime):
    echo = machine.deploy({"bootstrap": SHELL}, runtime=runtime, Handler="some.thing")
    assert echo({"n": 1}) == ({"echo": {"n": 1}}, None)
    assert echo("again") == ({"echo": "again"}, None)
    assert echo.wrote("handled by some.thing")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_compiled_program_is_a_runtime(machine, tmp_path):
    (tmp_path / "bootstrap.c").write_text(C)
    subprocess.run(["cc", "-o", tmp_path / "bootstrap", tmp_path / "bootstrap.c"], check=True)
    count = machine.deploy({"bootstrap": (tmp_path / "bootstrap").read_bytes()})
    assert count([1]) == ({"n": 1, "event": [1]}, None)
    assert count([2]) == ({"n": 2, "event": [2]}, None)


def test_an_event_comes_with_all_that_aws_tells_of_it(machine):
    tell = machine.custom(answering("[headers, int(time.time() * 1000)]"), Timeout=7)
    context = base64.b64encode(b'{"custom": {"a": "\xc3\xa9"}}').decode()
    (headers, now_ms), _ = tell(ClientContext=context)
    name = {key.removeprefix("Lambda-Runtime-"): value for key, value in headers.items()}
    assert len(name["Aws-Request-Id"]) == 36
    assert 0 < int(name["Deadline-Ms"]) - now_ms <= 7_000
    assert name["Invoked-Function-Arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{tell.name}"
    assert name["Trace-Id"].startswith("Root=1-")
    assert json.loads(name["Client-Context"]) == {"custom": {"a": "é"}}
    assert "Cognito-Identity" not in name
    assert headers["Content-Type"] == "application/json"


def test_a_bootstrap_in_a_layer_serves_where_the_package_has_none(machine):
    def program_of(answer: str) -> str:
        return machine.program(answering(answer))

    layer = machine.layer({"bootstrap": program_of("'from the layer'")})
    assert machine.deploy({"data.txt": "x"}, Layers=[layer])()[0] == "from the layer"
    both = machine.deploy({"bootstrap": program_of("'from the package'")}, Layers=[layer])
    assert both()[0] == "from the package"
    assert machine.deploy({"bootstrap/data.txt": "x"}, Layers=[layer])()[0] == "from the layer"


def test_the_environment_is_that_of_a_custom_runtime(machine, sandboxed):
    tell = machine.custom(answering("[dict(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd'))]"),
                          Environment={"Variables": {"COLOUR": "blue"}})
    (environment, folder, files), _ = tell()
    assert folder == environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["COLOUR"] == "blue"
    assert environment["_HANDLER"] == "app.handler"
    assert "AWS_EXECUTION_ENV" not in environment  # as AWS documents for OS-only runtimes
    assert not [name for name in environment if name.startswith("_CLOUDLET")]
    assert len(files) == 4  # three, and that folder


@pytest.mark.parametrize(("files", "mode", "message"), [
    ({"other": ""}, 0o755, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
    ({"bootstrap": "#!/bin/sh"}, 0o644, "fork/exec /var/task/bootstrap: permission denied"),
    ({"bootstrap": "#!/no/where"}, 0o755, "fork/exec /var/task/bootstrap: no such file or directory"),
    ({"bootstrap": "\0\1\2"}, 0o755, "fork/exec /var/task/bootstrap: exec format error"),
])
def test_a_bootstrap_that_can_not_be_run_is_told(machine, sandboxed, files, mode, message):
    broken = machine.deploy(files, mode=mode)
    for _ in range(2):
        answer, error = broken()
        assert (error, answer["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
        assert answer["errorMessage"].endswith(f"Error: {message}")
    for phase in ("init", "invoke"):
        assert broken.wrote(f"Phase: {phase}\tStatus: error\tError Type: Runtime.InvalidEntrypoint", 2)


@pytest.mark.parametrize(("end", "message"), [
    ("sys.exit(3)", "Runtime exited with error: exit status 3"),
    ("sys.exit(0)", "Runtime exited without providing a reason"),
    ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
])
def test_a_runtime_that_ends_with_an_event_in_hand_is_told_and_replaced(machine, end, message):
    fragile = machine.custom(f"""
while True:
    event, id, _ = invocation()
    if event == "end": {end}
    respond(id, "fine")
""")
    assert fragile() == ("fine", None)
    answer, error = fragile("end")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].startswith("RequestId: ")
    assert answer["errorMessage"].endswith(f"Error: {message}")
    assert fragile() == ("fine", None)


def test_a_runtime_that_ends_between_events_is_started_again(machine):
    once = machine.custom("event, id, _ = invocation()\nrespond(id, os.getpid())")
    first, second = once(), once()
    assert (first[1], second[1]) == (None, None)


def test_what_ends_before_the_first_event_is_tried_once_more_with_it(machine):
    stubborn = machine.custom("""
if not os.path.exists("/tmp/tried"):
    open("/tmp/tried", "w").close()
    sys.exit(1)
""" + answering("'at last'"))
    assert stubborn() == ("at last", None)
    assert stubborn.wrote("Phase: init\tStatus: error\tError Type: Runtime.ExitError")
    assert not [line for line in stubborn.lines() if "Phase: invoke" in line]


def test_an_init_error_is_the_answer(machine):
    broken = machine.custom("""
print(runtime("POST", "init/error", json.dumps({"errorType": "Config.Missing", "errorMessage": "no table"}),
              {"Lambda-Runtime-Function-Error-Type": "Runtime.ConfigMissing"})[0], flush=True)
sys.exit(1)
""")
    assert broken() == ({"errorType": "Config.Missing", "errorMessage": "no table"}, "Unhandled")
    assert broken.wrote("202")


def test_an_error_is_passed_on_as_the_runtime_tells_it(machine):
    fail = machine.custom("""
while True:
    event, id, _ = invocation()
    runtime("POST", f"invocation/{id}/error", json.dumps({"errorMessage": event, "own": [1]}),
            {"Lambda-Runtime-Function-Error-Type": "Function.Bad"})
""")
    assert fail("no") == ({"errorMessage": "no", "own": [1]}, "Unhandled")
    assert fail("never") == ({"errorMessage": "never", "own": [1]}, "Unhandled")


def test_an_errors_cause_is_not_for_the_caller(machine):
    fail = machine.custom("""
while True:
    event, id, _ = invocation()
    body = {"errorMessage": "m", "errorType": "t", "stackTrace": ["s"], "cause": {"exceptions": []}}
    runtime("POST", f"invocation/{id}/error", json.dumps(body),
            {"Content-Type": "application/vnd.aws.lambda.error.cause+json"})
""")
    assert fail()[0] == {"errorMessage": "m", "errorType": "t", "stackTrace": ["s"]}


def test_calls_in_the_wrong_order_get_awss_errors(machine):
    confused = machine.custom("""
early = runtime("POST", "invocation/some-id/response", "1")
while True:
    event, id, _ = invocation()
    again = invocation()[1] == id
    late = runtime("POST", "init/error", "{}")
    wrong = runtime("POST", "invocation/other/response", "1")
    nowhere = runtime("GET", "invocation/first")
    said = [[one[0], one[2]] for one in (early, late, wrong, nowhere)] + [again]
    first = respond(id, said)
    second = respond(id, "second")
    error = runtime("POST", f"invocation/{id}/error", "{}")
    say("AFTER", json.dumps([[one[0], one[2]] for one in (first, second, error)]))
""")
    early, late, wrong, nowhere, again = confused()[0]
    invalid = [400, {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}]
    assert early == wrong == invalid
    assert nowhere[0] == 404
    assert again

    def refused(came: str, went: str) -> list:
        return [403, {"errorType": "InvalidStateTransition", "errorMessage":
                      f"State transition from {came} to {went} failed for runtime. "
                      "Error: State transition is not allowed"}]

    assert late == refused("Running", "InitError")
    first, second, error = json.loads(confused.wrote("AFTER")[0].partition(" ")[2])
    assert first == [202, {"status": "OK"}]
    assert second == refused("RuntimeResponseSentState", "InvocationResponse")
    assert error == refused("RuntimeResponseSentState", "InvocationErrorResponse")


def test_an_answer_that_is_too_large_gets_413_and_the_runtime_goes_on(machine):
    large = machine.custom("""
while True:
    event, id, _ = invocation()
    status, _, document = respond(id, "x" * event)
    say("TOLD", status, json.dumps(document))
""")
    answer, error = large(7 << 20)
    assert (error, answer["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert answer["errorMessage"] == \
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    assert large(3) == ("xxx", None)
    told = large.wrote("TOLD 413")[0].split(" ", 2)[2]
    assert json.loads(told) == {"errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
                                "errorType": "RequestEntityTooLarge"}


def test_six_megabytes_go_in_and_out(machine):
    echo = machine.custom(answering("event"), MemorySize=1024)
    event = "x" * (6 << 20)
    assert echo(event) == (event, None)


def test_a_timeout_ends_the_runtime(machine):
    slow = machine.custom("""
while True:
    event, id, _ = invocation()
    while event: time.sleep(1)
    respond(id, "quick")
""", Timeout=1)
    answer, error = slow(True)
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert answer["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert slow(False) == ("quick", None)


def test_an_initialisation_that_takes_too_long_is_tried_again_with_the_event(machine, monkeypatch):
    monkeypatch.setattr(inits, "INIT_S", 0.5)
    slow = machine.custom("""
if not os.path.exists("/tmp/tried"):
    open("/tmp/tried", "w").close()
    time.sleep(60)
""" + answering("'at last'"))
    assert slow() == ("at last", None)
    assert slow.wrote("Phase: init\tStatus: timeout")


def test_streamed_answers_and_their_errors(machine):
    stream = machine.custom("""
import socket
def send(id, pieces, trailers=""):
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    s = socket.create_connection((host, int(port)))
    s.sendall((f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\n"
               "Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n"
               "Content-Type: text/plain\\r\\n"
               "Trailer: Lambda-Runtime-Function-Error-Type\\r\\n"
               "Trailer: Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n").encode())
    for piece in pieces: s.sendall(f"{len(piece):x}\\r\\n{piece}\\r\\n".encode())
    if trailers is None: return s.close()
    s.sendall(f"0\\r\\n{trailers}\\r\\n".encode())
    say("TOLD", s.recv(4096).split(b"\\r\\n")[0].decode())
while True:
    event, id, _ = invocation()
    if event == "error":
        import base64
        body = base64.b64encode(b'{"errorMessage": "half way"}').decode()
        send(id, ["12"], "Lambda-Runtime-Function-Error-Type: Function.Half\\r\\n"
                         f"Lambda-Runtime-Function-Error-Body: {body}\\r\\n")
    elif event == "cut": send(id, ["12"], None)
    elif event == "odd": runtime("POST", f"invocation/{id}/response", "1",
                                 {"Lambda-Runtime-Function-Response-Mode": "odd"})
    else: send(id, ["[1,", "2", "]"])
""")
    assert stream() == ([1, 2], None)
    assert stream.wrote("TOLD HTTP/1.1 202 Accepted")
    assert stream("error") == ({"errorMessage": "half way"}, "Unhandled")
    assert stream("cut")[0]["errorType"] == "Runtime.TruncatedResponse"
    assert stream("odd")[0]["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert stream() == ([1, 2], None)


def test_nobody_else_on_the_machine_is_heard(machine, sandboxed):
    shy = machine.custom(answering("os.environ['AWS_LAMBDA_RUNTIME_API']"))
    address = shy()[0]
    host, port = address.split(":")
    intruder = machine.custom("""
import socket
while True:
    event, id, _ = invocation()
    s = socket.create_connection(tuple(event))
    s.sendall(b"GET /2018-06-01/ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    try: heard = s.recv(100).decode()
    except ConnectionError: heard = ""
    respond(id, [heard, call("GET", "/2018-06-01/ping")[2]])
""")
    assert intruder([host, int(port)]) == (["", "pong"], None)
    assert shy() == (address, None)


def test_memory_is_counted_and_limited(machine):
    hoard = machine.custom(answering("len(b'x' * (event << 20))"), MemorySize=128)
    answer = hoard.client.invoke(FunctionName=hoard.name, Payload=b"50", LogType="Tail")
    used = int(base64.b64decode(answer["LogResult"]).decode().split("Max Memory Used: ")[1].split()[0])
    assert 50 <= used < 128
    assert hoard(400)[0]["errorType"] == "Runtime.OutOfMemory"
    assert hoard(1) == (1 << 20, None)


def test_a_runtime_that_aws_ended_is_refused_in_its_words(machine):
    client = machine.cloudlet.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException) as refused:
        machine.deploy({"bootstrap": SHELL}, runtime="provided")
    assert "The runtime parameter of provided is no longer supported for creating" in str(refused.value)


def test_a_bootstrap_that_is_saved_is_live_at_the_next_call(machine, tmp_path):
    def save(answer: str) -> None:
        beside = tmp_path / "new"
        beside.write_text(machine.program(answering(answer)))
        beside.chmod(0o755)
        beside.replace(tmp_path / "bootstrap")

    save("'one'")
    tmp_path.chmod(0o755)
    serving = machine.cloudlet
    asyncio.run_coroutine_threadsafe(allow(serving.cloudlet.store, [tmp_path]), serving._loop).result()
    client = serving.client("lambda")
    client.create_function(FunctionName="saved", Role="arn:aws:iam::000000000000:role/any", Handler="x",
                           Runtime="provided.al2023",
                           Code={"S3Bucket": "cloudlet-local", "S3Key": str(tmp_path)})
    assert json.load(client.invoke(FunctionName="saved")["Payload"]) == "one"
    save("'two'")
    assert json.load(client.invoke(FunctionName="saved")["Payload"]) == "two"


def test_a_custom_runtime_needs_no_sandbox(unwalled):
    watch = "id = enlist('INVOKE', 'SHUTDOWN')\nwhile True: say('HEARD', event(id))"
    extension = unwalled.extension("watch", watch)
    echo = unwalled.custom(answering("[event, os.path.isdir('/var/task')]"), Layers=[extension])
    assert echo(1)[0][0] == 1
    assert echo(2)[0][0] == 2
    assert echo.wrote("'eventType': 'INVOKE'", 2)
    echo.retire()
    assert echo.wrote("'shutdownReason': 'spindown'")

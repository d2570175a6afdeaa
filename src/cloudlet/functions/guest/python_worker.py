"""A Python worker: load the handler, then answer one event after another.

Frames are a length of four bytes, a letter and a body. First ``B`` goes out (the process stands) and
``C`` comes in: the environment of the function it is for, in JSON. Then in comes ``I`` (a JSON head with a
length of four bytes, then the event). Out go ``R`` (ready; the milliseconds and memory it took), ``F`` (it
could not be loaded), ``A`` (an answer: memory in KB, then JSON), ``E`` (an error, likewise), and ``D`` (an
error after which the process ends). What is logged goes the way of what is printed, to keep its place there.
"""

import contextlib
import json
import logging
import os
import resource
import socket
import struct
import sys
import time
import traceback
import typing
from functools import partial

import debugging  # type: ignore[import-not-found]
import snapshot  # type: ignore[import-not-found]
from written import (  # type: ignore[import-not-found]
    STAMP,
    JsonFormatter,
    LineWriter,
    LogFormatter,
    LogHandler,
    log_entry,
)

_HEAD = struct.Struct(">IB")
_CONTEXT = tuple(f"AWS_LAMBDA_{name}" for name in (  # what it tells of the environment
    "FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE", "LOG_GROUP_NAME", "LOG_STREAM_NAME"))
Told = typing.Dict[str, typing.Any]


class Channel:
    """The conversation with the pool."""

    def __init__(self, handle: int) -> None:
        self._socket = socket.socket(fileno=handle)
        self._socket.setblocking(True)
        self._file = self._socket.makefile("rb", buffering=1 << 16)

    def read(self) -> "tuple[str, bytes] | None":
        """The next frame; None when the pool has hung up."""
        head = self._file.read(5)
        if len(head) < 5:
            return None
        size, kind = _HEAD.unpack(head)
        return chr(kind), self._file.read(size)

    def write(self, kind: str, body: bytes) -> None:
        """Send a frame."""
        self._socket.sendall(_HEAD.pack(len(body), ord(kind)) + body)


class Nobody:
    """A channel on which nobody listens."""

    def write(self, kind: str, body: bytes) -> None:
        """Send nothing."""


class Context:
    """The second argument of a handler. Source: docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    paused_s = 0.0  # how long this process has stood at breakpoints, but for the present one
    stands_since = 0.0  # on the monotonic clock, if it stands at one

    def __init__(self, head: Told) -> None:
        self.aws_request_id = head["request_id"]
        self.invoked_function_arn = head["arn"]
        (self.function_name, self.function_version, self.memory_limit_in_mb, self.log_group_name,
         self.log_stream_name) = (os.environ[name] for name in _CONTEXT)
        self.identity = Identity(head.get("identity"))
        self.client_context = ClientContext(head["client_context"]) if head.get("client_context") else None
        self.tenant_id = None
        self._deadline_s = head["deadline_ms"] / 1000 - self.paused()

    def get_remaining_time_in_millis(self) -> int:
        """How long until the function is stopped."""
        return max(int((self._deadline_s + self.paused() - time.time()) * 1000), 0)

    @staticmethod
    def paused() -> float:
        """For how many seconds the function's clock has stood still."""
        since = Context.stands_since
        return Context.paused_s + (time.monotonic() - since if since else 0.0)

    def log(self, message: object) -> None:
        """Write to the log."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        return f"LambdaContext([aws_request_id={self.aws_request_id},function_name={self.function_name}])"


class Identity:
    """Who called, through Amazon Cognito."""

    def __init__(self, told: "Told | None") -> None:
        self.cognito_identity_id = (told or {}).get("cognitoIdentityId")
        self.cognito_identity_pool_id = (told or {}).get("cognitoIdentityPoolId")


class ClientContext:
    """What a mobile client tells of itself."""

    def __init__(self, told: Told) -> None:
        self.custom, self.env = told.get("custom"), told.get("env")
        self.client = type("Client", (), told["client"])() if told.get("client") else None


def main(handle: int, control: int = -1, *, isolated: bool = False) -> None:
    """Serve events until the pool hangs up; with ``control``, only copies of this process do."""
    if control >= 0:
        snapshot.stay_behind()
    channel = Channel(handle)
    leave_names()
    rehearse()
    channel.write("B", b"")  # the sandbox stands and the process waits to be told its function
    told = channel.read()
    if told is None:
        return
    environment = json.loads(told[1])
    if environment:  # else it has been given with the process
        os.environ.clear()
        os.environ.update(environment)
    port = os.environ.pop("_CLOUDLET_DEBUG", "")
    time.tzset()
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    sys.stdout, sys.stderr = LineWriter(1), LineWriter(2)
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    formatter = JsonFormatter() if as_json else LogFormatter()
    handler = LogHandler()
    handler.setFormatter(formatter)
    logging.root.handlers = [handler]
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    if as_json and level:
        logging.root.setLevel("DEBUG" if level == "TRACE" else level)  # there is nothing finer here
    begun = time.perf_counter()
    for folder in reversed(os.environ.get("_CLOUDLET_PATH", "").split(":")):
        if folder:
            sys.path.insert(0, folder)
    os.environ.pop("_CLOUDLET_PATH", None)
    try:
        if port:
            debugging.wait_for_editor(int(port), partial(tell_pause, channel))
        function = load(os.environ["_HANDLER"])
        if control >= 0:
            snapshot.before_snapshot()
    except BaseException as error:
        channel.write("F", report(error, ""))
        return
    channel.write("R", json.dumps({"ms": (time.perf_counter() - begun) * 1000, "kb": peak_kb()}).encode())
    if control >= 0 and not restored(channel, socket.socket(fileno=control), handle, isolated):
        return
    while (frame := channel.read()) is not None:
        answer(channel, function, frame[1], formatter)


def restored(channel: Channel, control: socket.socket, handle: int, isolated: bool) -> bool:
    """Let workers be copied from here; True in each that is ready for events."""
    snapshot.serve(control, handle, isolated)
    channel.write("B", b"")
    told = channel.read()
    if told is None:
        return False
    os.environ.update(json.loads(told[1]))
    try:
        snapshot.after_restore()
    except BaseException as error:
        channel.write("F", report(error, ""))
        return False
    channel.write("R", b"{}")
    return True


def tell_pause(channel: Channel, stands: bool) -> None:
    """At a breakpoint the function's clock stands still, and afterwards it goes on."""
    Context.paused_s = Context.paused()
    Context.stands_since = time.monotonic() if stands else 0.0
    channel.write("P", b"1" if stands else b"0")


def leave_names() -> None:
    """Let a function have modules that are called as ours are: what it imports is its own."""
    here = os.path.dirname(__file__)
    for name, module in list(sys.modules.items()):
        if name != "__main__" and os.path.dirname(getattr(module, "__file__", None) or "") == here:
            del sys.modules[name]


def rehearse() -> None:
    """Do what a first event needs while nobody waits for it.

    A forked process gets its own copy of each page that it touches; that would be half of a cold start.
    """
    with contextlib.suppress(ImportError):
        load("cloudlet.__doc__")  # any module will do that is not imported yet
    sys.modules.pop("cloudlet", None)
    formatter = LogFormatter()
    formatter.format(logging.makeLogRecord({"msg": "none"}))
    before = dict(os.environ)
    os.environ.update((name, os.environ.get(name, "")) for name in _CONTEXT)
    head = json.dumps({"request_id": "", "arn": "", "trace": "", "deadline_ms": 0, "client_context": None})
    answer(Nobody(), lambda event, context: event, len(head).to_bytes(4, "big") + head.encode(), formatter)
    os.environ.clear()
    os.environ.update(before)


def load(name: str) -> object:
    """The function that ``package/module.function`` names, with Lambda's own errors."""
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        raise HandlerNotFound(f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    try:
        module = __import__(module_name.replace("/", "."), fromlist=["_"])
    except ModuleNotFoundError as error:
        raise ImportModuleError(f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}'
        raise UserCodeSyntaxError(f"Syntax error in module '{module_name}': {error}\n{where}") from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise HandlerNotFound(f"Handler '{attribute}' missing on module '{module_name}'") from None


class HandlerNotFound(Exception):
    """Runtime.HandlerNotFound"""


class ImportModuleError(Exception):
    """Runtime.ImportModuleError"""


class UserCodeSyntaxError(Exception):
    """Runtime.UserCodeSyntaxError"""


class MarshalError(Exception):
    """Runtime.MarshalError"""


def answer(
    channel: "Channel | Nobody", function: object, body: bytes, formatter: "LogFormatter | JsonFormatter"
) -> None:
    """Run the handler on one event."""
    size = int.from_bytes(body[:4], "big")
    head = json.loads(body[4 : 4 + size])
    formatter.request_id = head["request_id"]
    os.environ["_X_AMZN_TRACE_ID"] = head["trace"]
    try:
        event = json.loads(body[4 + size :] or b"{}")
        result = function(event, Context(head))  # type: ignore[operator]
        text = marshal(result)
    except MemoryError:
        os._exit(137)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        os._exit(code)
    except BaseException as error:
        channel.write("E", peak_kb().to_bytes(8, "big") + report(error, head["request_id"]))
        return
    channel.write("A", peak_kb().to_bytes(8, "big") + text)


def marshal(result: object) -> bytes:
    """A handler's result as JSON."""
    try:
        return json.dumps(result, default=plain, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise MarshalError(f"Unable to marshal response: {error}") from None


def plain(value: object) -> object:
    """Decimals become numbers; nothing else is taken that JSON does not know."""
    if type(value).__name__ == "Decimal":
        number = float(value)  # type: ignore[arg-type]
        return int(number) if number.is_integer() else number
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def report(error: BaseException, request_id: str) -> bytes:
    """Log an error, and give it in Lambda's shape; frames of this file are left out of the trace."""
    kind = type(error)
    name = kind.__doc__ if kind.__module__ == __name__ and kind.__doc__ else kind.__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename != __file__ and "importlib" not in frame.filename]
    trace = [] if kind.__module__ == __name__ else traceback.format_list(frames)
    document = {"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": trace}
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        stamp = time.strftime(STAMP, time.gmtime())
        text = json.dumps({"timestamp": stamp, "log_level": "ERROR", **document})
    else:
        text = f"[ERROR] {name}: {error}"
        if trace:
            text += "\nTraceback (most recent call last):\n" + "".join(trace).rstrip("\n")
    log_entry(text)
    return json.dumps(document).encode()


def peak_kb() -> int:
    """The most memory this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def start() -> None:
    """As a program of its own, which a function's wrapper script has started."""
    handle = int(os.environ.pop("_CLOUDLET_CHANNEL"))
    os.set_inheritable(handle, False)
    runtime, machine = os.path.dirname(os.path.dirname(sys.argv[0])), (sys.base_prefix, sys.base_exec_prefix)
    # what functions may import without bringing it; the machine's own packages are not among that
    sys.path[:] = [runtime, *(path for path in sys.path[1:]
                              if not (path.startswith(machine) and "-packages" in path))]
    main(handle)


if __name__ == "__main__":
    start()

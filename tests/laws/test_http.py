"""HTTP as clients really speak it, and as those speak it who mean us harm."""

import asyncio
import gzip
import http.client
import re
import resource
import socket
import threading

import pytest
import uvloop

from cloudlet.errors import AwsError
from cloudlet.gateway.bodies import unwrap
from cloudlet.gateway.connection import Limits
from cloudlet.gateway.server import Server
from cloudlet.wire.http import Request, Response


class Site:
    """A server of the gateway's in a thread, with a handler of the test's."""

    def __init__(self, handler, limits):
        self.reports, self.seen = [], []
        self._ready, self._limits, self._handler = threading.Event(), limits, handler
        self._thread = threading.Thread(target=lambda: uvloop.run(self._main()))
        self._thread.start()
        self._ready.wait()

    async def _main(self):
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        async def handle(request):
            self.seen.append(f"{request.method} {request.path}")
            return await self._handler(request)

        self.server = Server(handle, self.reports.append, self._limits)
        self.port = await self.server.start("127.0.0.1", 0)
        self._ready.set()
        await self._stop.wait()
        await self.server.stop(5)

    def stop(self):
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive()

    def open(self, data=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(data)
        return connection

    def say(self, data):
        """Send ``data``, close our half, and give all that comes back."""
        with self.open(data) as connection:
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def on_loop(self, function):
        return asyncio.run_coroutine_threadsafe(function(), self.loop).result(10)


def read_all(connection):
    found = b""
    while piece := connection.recv(1 << 16):
        found += piece
    return found


def read_until(connection, end):
    found = b""
    while end not in found:
        piece = connection.recv(1 << 16)
        assert piece, found
        found += piece
    return found


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)]


@pytest.fixture
def serve():
    started = []

    def start(handler, **limits):
        started.append(Site(handler, Limits(**limits)))
        return started[-1]

    yield start
    for site in started:
        site.stop()
        site.join()


async def echo(request):
    body = await request.read(1 << 30)
    said = (
        f"{request.method} {request.path}?{request.query} {sorted(request.headers.items())} "
        f"{sorted(request.trailers.items())} "
    )
    return Response(200, {"content-type": "text/plain"}, said.encode("utf-8", "replace") + body)


def get(path="/", *headers, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: h", *headers, "", ""]).encode()


# -- framing


def test_requests_follow_one_another_on_one_connection(serve):
    client = http.client.HTTPConnection("127.0.0.1", serve(echo).port)
    sockets = set()
    for n in range(5):
        client.request("POST", f"/{n}", body=b"x" * n)
        sockets.add(client.sock)
        assert client.getresponse().read().endswith(b" " + b"x" * n)
    assert len(sockets) == 1
    client.close()


def test_requests_may_come_all_at_once_and_are_answered_in_order(serve):
    async def slow_first(request):
        await asyncio.sleep(0.05 if request.path == "/0" else 0)
        return Response(200, {}, request.path.encode())

    answer = serve(slow_first).say(b"".join(get(f"/{n}") for n in range(100)))
    assert re.findall(rb"\r\n\r\n/(\d+)", answer) == [b"%d" % n for n in range(100)]


def test_requests_may_come_byte_by_byte(serve):
    with serve(echo).open() as connection:
        for byte in get("/a?b=c", "x: 1", "content-length: 3", method="PUT") + b"abc":
            connection.sendall(bytes([byte]))
        assert b"PUT /a?b=c" in read_until(connection, b" abc")


def test_a_chunked_body_with_trailers(serve):
    body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-one: 1\r\nX-Two: zwei\r\n\r\n"
    answer = serve(echo).say(get("/", "transfer-encoding: chunked", method="POST") + body + get("/next"))
    assert b"[('x-one', '1'), ('x-two', 'zwei')] abcde" in answer
    assert b"GET /next" in answer


def test_who_expects_100_continue_gets_it_before_the_body(serve):
    with serve(echo).open(get("/", "expect: 100-continue", "content-length: 3", method="PUT")) as connection:
        assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert statuses(read_until(connection, b"abc")) == [200]


def test_who_expects_100_continue_behind_another_request_gets_it_in_turn(serve):
    async def slow(request):
        await asyncio.sleep(0.05)
        return await echo(request)

    with serve(slow).open(
        get("/first") + get("/", "expect: 100-continue", "content-length: 3", method="PUT")
    ) as connection:
        assert statuses(read_until(connection, b"100 Continue\r\n\r\n")) == [200, 100]
        connection.sendall(b"abc")
        assert statuses(read_until(connection, b"abc")) == [200]


def test_an_old_client_gets_no_100_no_chunks_and_a_closed_connection(serve):
    async def pieces():
        yield b"one"
        yield b"two"

    async def stream(request):
        return Response(200, {}, pieces())

    answer = serve(stream).say(get("/", "expect: 100-continue", version="1.0"))
    assert answer.endswith(b"\r\n\r\nonetwo")
    assert statuses(answer) == [200]
    assert b"connection: close" in answer
    assert b"chunked" not in answer


def test_an_old_client_may_keep_its_connection(serve):
    answer = serve(echo).say(get("/1", "connection: keep-alive", version="1.0") + get("/2", version="1.0"))
    assert statuses(answer) == [200, 200]
    assert answer.count(b"connection: keep-alive\r\n") == 1


def test_connection_close_is_obeyed_and_said(serve):
    with serve(echo).open(get("/", "connection: close") + get("/never")) as connection:
        answer = read_all(connection)
    assert statuses(answer) == [200]
    assert b"connection: close\r\n" in answer


def test_head_has_the_head_of_get_and_nothing_more(serve):
    async def big(request):
        return Response(
            200, {"content-length": "1000"}, pieces() if request.path == "/stream" else b"x" * 1000
        )

    async def pieces():
        yield b"x" * 1000

    answer = serve(big).say(get("/", method="HEAD") + get("/stream", method="HEAD"))
    assert statuses(answer) == [200, 200]
    assert answer.count(b"content-length: 1000") == 2
    assert b"xx" not in answer


def test_no_body_is_sent_where_none_may_be(serve):
    async def empty(request):
        return Response(int(request.path[1:]), {}, b"must not be sent")

    answer = serve(empty).say(get("/204") + get("/304"))
    assert statuses(answer) == [204, 304]
    assert b"content-length" not in answer
    assert b"must" not in answer


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        ("http://bucket.s3.localhost:4566/k?x=1", "bucket.s3.localhost:4566", "/k?x=1"),
        ("http://a.b", "a.b", "/?"),
        ("*", "h", "/?"),
        ("/a%2Fb//c?d=%00", "h", "/a%2Fb//c?d=%00"),
    ],
)
def test_targets_come_in_several_forms(serve, target, host, expected):
    answer = serve(echo).say(get(target, method="OPTIONS"))
    assert f"OPTIONS {expected} [('host', '{host}')]".encode() in answer


def test_repeated_headers_are_joined_and_cookies_in_their_own_way(serve):
    answer = serve(echo).say(get("/", "a: 1", "A: 2", "cookie: x=1", "cookie: y=2"))
    assert b"('a', '1,2'), ('cookie', 'x=1; y=2')" in answer


def test_a_wish_for_another_protocol_is_passed_over(serve):
    """Java's client asks every server for HTTP/2 at first."""
    headers = [
        "connection: Upgrade, HTTP2-Settings",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAARAAAAAAAIAAAAA",
    ]
    site = serve(echo)
    assert statuses(site.say(get("/1", *headers) + get("/2"))) == [200, 200]
    answer = site.say(get("/1", *headers, "content-length: 3", method="POST") + b"abc" + get("/2"))
    assert statuses(answer) == [200, 200]
    assert b" abcHTTP/1.1" in answer
    chunked = get("/1", *headers, "transfer-encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n"
    assert statuses(site.say(chunked + get("/2"))) == [200, 200]
    assert site.seen == ["GET /1", "GET /2"] + ["POST /1", "GET /2"] * 2


@pytest.mark.parametrize("header", ["x: a\r\nset-cookie: b", "x\0y", "ä€"])
def test_no_header_of_ours_becomes_two(serve, header):
    async def answer(request):
        return Response(200, {"x-it": header, "x-many": ["1", header]}, b"ok")

    said = serve(answer).say(get())
    assert b"\nset-cookie" not in said
    assert b"\0" not in said
    assert said.endswith(b"\r\n\r\nok")


# -- refusals


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT h:443 HTTP/1.1\r\nhost: h\r\n\r\n",
        b"\0" * 100,
        b"GET / HTTP/1.1\r\nbad header: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\n: empty\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nhost: h\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(serve, nonsense):
    site = serve(echo)
    assert statuses(site.say(nonsense)) == [400]
    assert site.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        ["content-length: 3", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 3"],
        ["content-length: 3", "content-length: 4"],
        ["content-length: 3, 3"],
        ["content-length: -3"],
        ["content-length: +3"],
        ["content-length: 0x3"],
        ["content-length: 3 3"],
        ["content-length:"],
        ["content-length: 99999999999999999999999"],
        ["transfer-encoding: gzip"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding: chunked, gzip"],
        ["transfer-encoding: chunked", "transfer-encoding: identity"],
        ["transfer-encoding : chunked"],
        ["content-length : 3"],
        ["x: 1\r\n folded: 2", "content-length: 3\r\n 4"],
    ],
)
def test_a_request_that_two_servers_could_read_in_two_ways_is_refused(serve, headers):
    site = serve(echo)
    answer = site.say(get("/", *headers, method="POST") + b"0\r\n\r\n" + get("/smuggled"))
    assert statuses(answer) == [400]
    assert site.seen == []


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x3\r\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\nabc\n",
        b"fffffffffffffffff\r\n",
        b" 3\r\nabc\r\n",
        b"\r\n",
        b"3\r\nabc0\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused(serve, chunks):
    site = serve(echo)
    answer = site.say(
        get("/", "transfer-encoding: chunked", method="POST") + chunks + b"0\r\n\r\n" + get("/smuggled")
    )
    assert statuses(answer) in ([400], [])
    assert "GET /smuggled" not in site.seen


def test_a_folded_header_is_refused_or_read_as_one(serve):
    answer = serve(echo).say(b"GET / HTTP/1.1\r\nhost: h\r\na: 1\r\n b: 2\r\n\r\n")
    assert statuses(answer) == [400] or re.search(rb"\('a', '1\s+b: 2'\)", answer)


@pytest.mark.parametrize(
    "request_",
    [
        get("/", "x: " + "y" * 100_000),
        get("/" + "y" * 100_000),
        get("/", *(f"x{n}: {'y' * 100}" for n in range(900))),
        get("/", "x: " + "y" * 100_000)[:-4],
        b"GET /" + b"y" * 100_000,
        get("/", "transfer-encoding: chunked", method="POST") + b"1\r\nx\r\n0\r\nt: " + b"y" * 100_000,
        get("/", "transfer-encoding: chunked", method="POST") + b"1;" + b"y" * 100_000,
    ],
)
def test_headers_without_end_are_refused(serve, request_):
    site = serve(echo)
    assert statuses(site.say(request_)) == [431]
    assert site.seen == []


def test_a_refusal_waits_for_the_answers_before_it(serve):
    async def stream(request):
        return Response(200, {}, pieces())

    async def pieces():
        for _ in range(20):
            await asyncio.sleep(0.005)
            yield b"piece"

    answer = serve(stream).say(get("/1") + get("/2") + b"nonsense\r\n\r\n")
    assert statuses(answer) == [200, 200, 400]
    assert answer.count(b"piece") == 40


def test_a_refusal_is_read_by_a_client_that_goes_on_sending(serve):
    with serve(echo).open(b"nonsense\r\n\r\n") as connection:
        assert statuses(read_until(connection, b"400")) == [400]
        connection.sendall(b"x" * 1000)


def test_a_body_that_turns_into_nonsense_is_refused_in_the_middle(serve):
    site = serve(echo)
    start = get("/", "transfer-encoding: chunked", method="POST") + b"80000\r\n" + b"x" * 0x80000 + b"\r\n"
    assert statuses(site.say(start + b"nonsense\r\n")) == [400]


# -- size and time


def memory():
    """The most this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body_passes_through_without_being_held(serve, framing):
    megabytes = 200

    async def count(request):
        size = 0
        async for piece in request.stream:
            size += len(piece)
        return Response(200, {}, b"%d" % size)

    header = f"content-length: {megabytes << 20}" if framing == "length" else "transfer-encoding: chunked"
    block = b"x" * (1 << 20)
    with serve(count).open(get("/", header, method="PUT")) as connection:
        before = memory()
        for _ in range(megabytes):
            connection.sendall(block if framing == "length" else b"100000\r\n%b\r\n" % block)
        if framing == "chunked":
            connection.sendall(b"0\r\n\r\n")
        assert b"%d" % (megabytes << 20) in read_until(connection, b"%d" % (megabytes << 20))
    assert memory() - before < 40


def test_a_large_answer_waits_for_its_reader(serve):
    megabytes, made = 200, []

    async def pieces():
        for n in range(megabytes):
            made.append(n)
            yield b"x" * (1 << 20)

    async def give(request):
        return Response(
            200, {"content-length": str(megabytes << 20)} if request.path == "/known" else {}, pieces()
        )

    site = serve(give)
    for path in ("/known", "/chunked"):
        made.clear()
        with site.open(get(path)) as connection:
            read_until(connection, b"x")
            site.on_loop(lambda: asyncio.sleep(0.2))
            assert len(made) < 20
            before = memory()
            left = (megabytes << 20) - (1 << 20)
            while left > 0:
                left -= len(connection.recv(1 << 20))
        assert memory() - before < 40


def test_a_body_nobody_reads_makes_way_for_the_next_request(serve):
    async def ignore(request):
        return Response(403, {}, b"no")

    site = serve(ignore)
    big = get("/", f"content-length: {2 << 20}", method="PUT") + b"x" * (2 << 20)
    assert statuses(site.say(big + get("/next"))) == [403, 403]


def test_a_body_nobody_wants_is_not_read_for_ever(serve):
    async def ignore(request):
        return Response(403, {}, b"no")

    site = serve(ignore, unread=1 << 20)
    with site.open(get("/", f"content-length: {1 << 40}", method="PUT")) as connection:

        def flood():
            with pytest.raises(OSError):
                while True:
                    connection.sendall(b"x" * (1 << 20))

        thread = threading.Thread(target=flood)
        thread.start()
        assert b"403" in read_until(connection, b"no")
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HT",
        get("/", "content-length: 9", method="PUT") + b"abc",
        get("/", f"content-length: {1 << 20}", method="PUT") + b"x" * 500_000,
    ],
)
def test_who_stops_in_the_middle_is_left_behind(serve, said):
    site = serve(echo, idle_s=0.2, stalled_s=0.2)
    with site.open(said) as connection:
        assert read_all_or_reset(connection) == b""


def test_who_sends_a_head_drop_by_drop_is_left_behind(serve):
    site = serve(echo, stalled_s=0.3)
    with site.open(b"GET / HTTP/1.1\r\n") as connection, pytest.raises(OSError):
        connection.settimeout(0.05)
        for _ in range(200):
            connection.sendall(b"x: 1\r\n")
            try:
                assert connection.recv(10) == b""
                raise OSError("closed")
            except TimeoutError:
                pass


def test_who_asks_and_never_reads_is_left_behind(serve):
    async def big(request):
        return Response(200, {}, b"x" * (32 << 20))

    site = serve(big, stalled_s=0.3)
    with site.open(get("/") * 40) as connection:
        threading.Event().wait(1.2)
        assert site.on_loop(lambda: connections(site)) == 0
        connection.close()


async def connections(site):
    return len(site.server.connections)


def read_all_or_reset(connection):
    try:
        return read_all(connection)
    except ConnectionResetError:
        return b""


def test_a_client_that_goes_away_ends_the_body_it_was_sending(serve):
    ended = threading.Event()

    async def handler(request):
        try:
            async for _ in request.stream:
                pass
        except ConnectionError:
            ended.set()
            raise
        return Response()

    site = serve(handler)
    for shut in (lambda c: c.close(), lambda c: c.shutdown(socket.SHUT_WR)):
        ended.clear()
        with site.open(get("/", f"content-length: {4 << 20}", method="PUT") + b"x" * (1 << 20)) as connection:
            shut(connection)
            assert ended.wait(5)


def test_a_client_that_closes_its_half_is_still_answered_and_then_let_go(serve):
    async def slow(request):
        await asyncio.sleep(0.05)
        return await echo(request)

    site = serve(slow)
    assert statuses(site.say(get("/1") + get("/2"))) == [200, 200]
    assert site.on_loop(lambda: connections(site)) == 0


# -- faults of our own


def test_a_handler_that_fails_costs_its_connection_and_no_other(serve):
    async def broken(request):
        if request.path == "/broken":
            raise ValueError("mine")
        if request.path == "/header":
            return Response(200, {"x": 7}, b"")
        return Response(200, {}, b"ok")

    site = serve(broken)
    for path in ("/broken", "/header"):
        with site.open(get(path)) as connection:
            assert read_all_or_reset(connection) == b""
    assert [type(report) for report in site.reports] == [ValueError, TypeError]
    assert statuses(site.say(get("/fine"))) == [200]


@pytest.mark.parametrize("promised", ["", "30", "5"])
def test_an_answer_that_breaks_off_does_not_look_whole(serve, promised):
    closed = threading.Event()

    async def pieces():
        try:
            yield b"half of it"
            if not promised:
                raise ValueError("mine")
        finally:
            closed.set()

    async def half(request):
        return Response(200, {"content-length": promised} if promised else {}, pieces())

    site = serve(half)
    with site.open(get("/") + get("/next")) as connection:
        answer = read_all_or_reset(connection)
    assert not answer.endswith(b"\r\n0\r\n\r\n")
    assert len(statuses(answer)) <= 1
    assert closed.wait(5)
    assert len(site.reports) == 1


# -- stopping


def test_stopping_lets_an_answer_be_finished(serve):
    begun = threading.Event()

    async def pieces():
        yield b"first "
        begun.set()
        await asyncio.sleep(0.2)
        yield b"x" * (8 << 20)
        yield b" last"

    async def slow(request):
        return Response(200, {}, pieces())

    site = serve(slow)
    with site.open(get("/")) as connection, site.open() as idle, site.open(get("/half")[:9]) as half:
        assert begun.wait(5)
        site.stop()
        assert read_all_or_reset(idle) == read_all_or_reset(half) == b""
        answer = read_all(connection)
    assert answer.endswith(b" last\r\n0\r\n\r\n")
    site.join()
    with pytest.raises(OSError):
        site.open()


def test_stopping_does_not_wait_for_ever(serve):
    async def stuck(request):
        await asyncio.sleep(3600)
        return Response()

    site = serve(stuck)
    with site.open(get("/")) as connection:
        site.on_loop(lambda: asyncio.sleep(0.05))
        asyncio.run_coroutine_threadsafe(site.server.stop(0.1), site.loop).result(5)
        assert read_all_or_reset(connection) == b""


# -- bodies in AWS's own wrapping


class Pieces:
    def __init__(self, body, size):
        self._parts = [body[n : n + size] for n in range(0, len(body), size)]

    async def __aiter__(self):
        for part in self._parts:
            yield part


def unwrapped(body, headers, size=0, method="PUT"):
    request = Request(method, "/", "", headers, b"" if size else body, Pieces(body, size) if size else None)

    async def read():
        await unwrap(request)
        return await request.read(1 << 30), request.trailers, request.headers

    return asyncio.run(read())


SIGNED = (
    b"400;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 1024
    + b"\r\n5;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\nab\r\nc\r\n"
    b"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 85, 86, 1000, 5000])
def test_aws_chunks_may_be_cut_anywhere(size):
    headers = {"content-encoding": "aws-chunked,gzip", "x-amz-decoded-content-length": "1029"}
    body, _, kept = unwrapped(SIGNED, headers, size)
    assert body == b"a" * 1024 + b"ab\r\nc"
    assert kept["content-encoding"] == "gzip"
    trailing = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\nx-amz-trailer-signature: 1\r\n\r\n"
    body, trailers, kept = unwrapped(
        trailing, {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, size
    )
    assert (body, trailers["x-amz-checksum-crc32"]) == (b"abc", "NhCmhg==")
    assert "content-encoding" not in unwrapped(trailing, {"content-encoding": "aws-chunked"}, size)[2]


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"3\r\nabc\r\n",
        b"3\r\nabc\r\n0\r\n",
        b"3\r\nab",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"x\r\n",
        b"\r\n0\r\n\r\n",
        b"0\r\n\r\ngarbage",
        b"3;" + b"x" * 20_000 + b"\r\nabc\r\n0\r\n\r\n",
        b"1_0\r\nabc",
        b"f" * 30 + b"\r\n",
        b"3\r\nabc\r\n0\r\n" + b"".join(b"a%d: 1\r\n" % n for n in range(200)) + b"\r\n",
    ],
)
def test_aws_chunks_that_are_none_are_refused(body, size):
    with pytest.raises(AwsError) as error:
        unwrapped(body, {"content-encoding": "aws-chunked"}, size)
    assert error.value.code == "IncompleteBody"


@pytest.mark.parametrize("size", [0, 2])
def test_aws_chunks_of_another_size_than_was_said_are_refused(size):
    with pytest.raises(AwsError):
        unwrapped(
            b"3\r\nabc\r\n0\r\n\r\n",
            {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "4"},
            size,
        )


def test_gzip_is_undone_where_it_is_a_wrapping():
    packed, header = gzip.compress(b"hello"), {"content-encoding": "gzip"}
    assert unwrapped(packed, header, method="POST")[0] == b"hello"
    assert unwrapped(packed, header, size=3, method="POST")[0] == b"hello"
    assert unwrapped(packed + gzip.compress(b" world"), header, method="POST")[0] == b"hello world"
    assert unwrapped(packed, header)[0] == packed  # an object that is a gzip file
    assert unwrapped(b"", header, method="POST")[0] == b""  # the begin of an upload in parts of one


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (gzip.compress(b"hello" * 100)[:-9], "SerializationException"),
        (b"plain", "SerializationException"),
        (gzip.compress(b"x") + b"tail", "SerializationException"),
        (gzip.compress(b"\0" * (80 << 20)), "RequestEntityTooLarge"),
        (gzip.compress(b"\0" * (40 << 20)) * 2, "RequestEntityTooLarge"),
    ],
)
def test_gzip_that_is_none_or_a_bomb_is_refused(body, code):
    with pytest.raises(AwsError) as error:
        unwrapped(body, {"content-encoding": "gzip"}, method="POST")
    assert error.value.code == code


def test_a_small_body_too_large_for_an_operation_is_refused(cloudlet):
    connection = socket.create_connection(("127.0.0.1", cloudlet.port), timeout=20)
    head = get("/", "x-amz-target: AmazonSQS.SendMessage", f"content-length: {80 << 20}", method="POST")
    connection.sendall(head)
    with pytest.raises(OSError):  # it closes rather than read what it will not take, or answers
        for _ in range(80):
            connection.sendall(b"x" * (1 << 20))
        assert statuses(read_until(connection, b"larger than")) == [413]
        raise OSError
    connection.close()

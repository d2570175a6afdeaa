"""HTTP/2 with prior knowledge: many requests on one socket, bodies of any size, clients that misbehave."""

import asyncio
import threading
from contextlib import suppress

import h2.connection
import h2.events
import pytest
from hyperframe.frame import GoAwayFrame, PingFrame

from cloudlet.wire.http import Response

from .sockets import echo, read_all
from .test_http_flow import memory

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def client(site, **more):
    """A client that speaks nothing else."""
    return httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{site.port}", timeout=20, **more)


class Raw:
    """A client whose every frame is the test's own."""

    def __init__(self, site):
        self.socket, self.h2 = site.open(), h2.connection.H2Connection()
        self.port = site.port
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        """Send what is to be sent."""
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, id, path="/", *, ends=True, method="GET"):
        """Begin a request."""
        self.h2.send_headers(id, [(":method", method), (":path", path), (":scheme", "http"),
                                  (":authority", f"127.0.0.1:{self.port}")], end_stream=ends)
        self.flush()

    def events(self, until):
        """What comes until one of a kind does."""
        found = []
        while not any(isinstance(one, until) for one in found):
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("it was closed")
            found += self.h2.receive_data(data)
        return found


@pytest.fixture
def raw():
    """Makes such, and closes them."""
    made = []

    def raw(site):
        made.append(Raw(site))
        return made[-1]

    yield raw
    for one in made:
        one.socket.close()


def test_a_request_and_its_answer_are_the_same_as_over_http_1(serve):
    seen = []

    async def tell(request):
        seen.append(request)
        return Response(201, {"x-one": "1", "set-cookie": ["a=1", "b=2"], "connection": "close"}, b"hello")

    with client(serve(tell)) as http:
        answer = http.post("/a%20b?c=d", content=b"body", headers={"X-Mine": "yes", "cookie": "x=y"})
    request, = seen
    assert (request.method, request.path, request.query, request.body) == ("POST", "/a%20b", "c=d", b"body")
    assert request.headers["x-mine"] == "yes" and request.host == "127.0.0.1"
    assert answer.http_version == "HTTP/2" and (answer.status_code, answer.content) == (201, b"hello")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"] and "date" in answer.headers
    assert answer.headers["content-length"] == "5" and "connection" not in answer.headers


def test_a_preface_may_arrive_byte_by_byte(serve):
    site = serve(echo)
    with site.open() as connection:
        for n in range(len(PREFACE)):
            connection.sendall(PREFACE[n : n + 1])
            site.on_loop(lambda: asyncio.sleep(0))
        connection.sendall(SETTINGS)
        assert connection.recv(9)[3] == 4  # settings of the server's


def test_http_1_goes_on_as_before_beside_it(serve):
    site = serve(echo)
    assert httpx.get(f"http://127.0.0.1:{site.port}/").http_version == "HTTP/1.1"
    with client(site) as http:
        assert http.get("/").http_version == "HTTP/2"


def test_requests_do_not_wait_for_each_other(serve, raw):
    gate = threading.Event()

    async def handle(request):
        if request.path == "/slow":
            await asyncio.to_thread(gate.wait)
        return Response(200, {}, request.path.encode())

    one = raw(serve(handle))
    one.ask(1, "/slow")
    one.ask(3, "/quick")
    first = [event.stream_id for event in one.events(h2.events.StreamEnded)
             if isinstance(event, h2.events.StreamEnded)]
    gate.set()
    second = [event.stream_id for event in one.events(h2.events.StreamEnded)
              if isinstance(event, h2.events.StreamEnded)]
    assert (first, second) == ([3], [1])


def test_a_large_body_passes_through_without_being_held_both_ways(serve):
    megabytes = 60

    async def count(request):
        size = 0
        async for piece in request.stream:
            size += len(piece)

        async def pieces():
            for _ in range(megabytes):
                yield b"y" * (1 << 20)

        assert size == megabytes << 20
        return Response(200, {}, pieces())

    with client(serve(count)) as http:
        before = memory()
        block, got = b"x" * (1 << 20), 0
        with http.stream("PUT", "/", content=(block for _ in range(megabytes))) as answer:
            for piece in answer.iter_raw():
                got += len(piece)
        assert got == megabytes << 20
    assert memory() - before < 40


def test_a_body_that_nobody_reads_is_not_acknowledged_and_holds_up_nobody_else(serve, raw):
    gate = threading.Event()

    async def handle(request):
        if request.method == "PUT":
            await asyncio.to_thread(gate.wait)
            return Response(200, {}, b"%d" % sum([len(piece) async for piece in request.stream]))
        return Response()

    site = serve(handle)
    one = raw(site)
    one.ask(1, method="PUT", ends=False)
    one.events(h2.events.WindowUpdated)
    sent = 0
    while True:  # as much as it takes without a reader
        while room := min(one.h2.local_flow_control_window(1), 16_384):
            one.h2.send_data(1, b"x" * room)
            sent += room
        one.flush()
        one.ask(one.h2.get_next_available_stream_id())
        one.events(h2.events.StreamEnded)  # the other is answered
        if not one.h2.local_flow_control_window(1):
            break
    assert 1 << 20 <= sent <= 2 << 20
    gate.set()
    one.events(h2.events.WindowUpdated)
    one.h2.end_stream(1)
    one.flush()
    data = [event.data for event in one.events(h2.events.StreamEnded)
            if isinstance(event, h2.events.DataReceived)]
    assert data == [b"%d" % sent]


def test_an_answer_waits_for_its_reader(serve, raw):
    made = []

    async def pieces():
        for n in range(200):
            made.append(n)
            yield b"x" * (1 << 16)

    async def give(request):
        return Response(200, {}, pieces())

    site = serve(give)
    one = raw(site)
    one.ask(1)
    size = sum(len(event.data) for event in one.events(h2.events.DataReceived)
               if isinstance(event, h2.events.DataReceived))
    site.on_loop(lambda: asyncio.sleep(0.2))
    assert len(made) <= 2 and size <= 65_535
    while size < 200 << 16:
        for event in one.events(h2.events.DataReceived):
            if isinstance(event, h2.events.DataReceived):
                size += len(event.data)
                one.h2.acknowledge_received_data(event.flow_controlled_length, 1)
        one.flush()


def test_a_request_that_is_given_up_ends_its_answer(serve, raw):
    ended = threading.Event()

    async def pieces():
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def give(request):
        return Response(200, {}, pieces())

    one = raw(serve(give))
    one.ask(1)
    one.events(h2.events.DataReceived)
    one.h2.reset_stream(1)
    one.flush()
    assert ended.wait(10)


def test_an_answer_without_a_body_ends_with_its_head(serve):
    async def bare(request):
        return Response(204) if request.path == "/204" else Response(200, {}, b"body")

    with client(serve(bare)) as http:
        assert http.get("/204").status_code == 204
        head = http.head("/")
        assert head.content == b"" and head.headers["content-length"] == "4"


def test_a_handler_that_fails_resets_its_request_alone(serve):
    async def fail(request):
        if request.path == "/bad":
            raise ValueError("ours")
        return Response()

    site = serve(fail)
    with client(site) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/bad")
        assert http.get("/good").status_code == 200
    error, = site.reports
    assert str(error) == "ours"


def test_what_was_asked_is_answered_when_the_client_says_goodbye(serve, raw):
    gate = threading.Event()

    async def slow(request):
        await asyncio.to_thread(gate.wait)
        return Response(200, {}, b"x" * 100_000)

    one = raw(serve(slow))
    one.ask(1)
    goodbye = GoAwayFrame(0).serialize() + PingFrame(0, b"12345678").serialize()
    one.socket.sendall(goodbye)
    gate.set()
    body = b""
    while len(body) < 100_000:
        for event in one.events(h2.events.DataReceived):
            if isinstance(event, h2.events.DataReceived):
                body += event.data
                if len(body) < 100_000:  # then the server closes
                    one.h2.acknowledge_received_data(event.flow_controlled_length, 1)
                    one.flush()
    assert body == b"x" * 100_000
    read_all(one.socket)  # until it is closed


def test_what_was_asked_is_answered_when_the_server_stops(serve, raw):
    entered, gate = threading.Event(), threading.Event()

    async def slow(request):
        entered.set()
        await asyncio.to_thread(gate.wait)
        return Response(200, {}, b"done")

    site = serve(slow)
    one = raw(site)
    one.ask(1)
    assert entered.wait(10)
    site.stop()
    goodbye, = [event for event in one.events(h2.events.ConnectionTerminated)
                if isinstance(event, h2.events.ConnectionTerminated)]
    assert (goodbye.error_code, goodbye.last_stream_id) == (0, 1)
    gate.set()
    rest = read_all(one.socket)
    assert b"done" in rest
    site.join()


@pytest.mark.parametrize("nonsense", [
    b"\0\0\x05\x01\x05\0\0\0\x01\xff\xff\xff\xff\xff",  # header fields that can't be decoded
    b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0",  # a window that grows by nothing
    b"\xff\xff\xff\0\0\0\0\0\x01",  # a frame that is too large
    b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_nonsense_is_refused_and_the_connection_closed(serve, nonsense):
    site = serve(echo)
    with site.open(PREFACE + SETTINGS + nonsense) as connection:
        with suppress(ConnectionResetError):
            read_all(connection)
        assert not site.seen and not site.reports


def test_headers_without_end_are_refused(serve, raw):
    site = serve(echo, head=4096)
    with client(site) as http:
        assert http.get("/").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            http.get("/", headers={"x-long": "a" * 60_000})


def test_who_gives_up_all_it_asks_is_sent_away(serve):
    async def never(request):
        await asyncio.sleep(60)

    site = serve(never)
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    with site.open() as door, suppress(ConnectionError):
        for id in range(1, 2400, 2):
            connection.send_headers(id, [(":method", "GET"), (":path", "/"), (":scheme", "http"),
                                         (":authority", "x")], end_stream=True)
            connection.reset_stream(id)
            door.sendall(connection.data_to_send())
        read_all(door)  # until it is closed


def test_a_connection_that_idles_is_closed(serve, raw):
    one = raw(serve(echo, idle_s=0.1, stalled_s=0.1))
    with pytest.raises(ConnectionError):
        one.events(h2.events.StreamEnded)


def test_a_body_that_stands_still_is_given_up(serve, raw):
    one = raw(serve(echo, stalled_s=0.2))
    one.ask(1, ends=False, method="PUT")
    with pytest.raises(ConnectionError):
        one.events(h2.events.StreamEnded)


def test_many_requests_follow_each_other_on_one_socket(serve):

    site = serve(echo)
    with client(site) as http:
        for n in range(500):
            assert http.get(f"/{n}").status_code == 200
    assert len(site.seen) == 500

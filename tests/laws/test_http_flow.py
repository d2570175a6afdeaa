"""Bodies of any size, clients of any speed, faults of our own, and stopping in the middle."""

import asyncio
import resource
import socket
import threading

import pytest

from cloudlet.wire.http import Response

from .sockets import connections, echo, get, read_all, read_all_or_reset, read_until, statuses

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

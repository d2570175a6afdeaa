"""HTTP as clients really speak it, and as those speak it who mean us harm."""

import asyncio
import http.client
import re

import pytest

from cloudlet.wire.http import Response

from .sockets import echo, get, read_all, read_until, statuses

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


def test_who_expects_100_continue_is_not_asked_for_a_body_that_nobody_wants(serve):
    async def refuse(request):
        return Response(403, {}, b"no")

    head = get("/", "expect: 100-continue", "content-length: 3", method="PUT")
    answer = serve(refuse).say(head)  # the connection ends, for nobody can tell whether the body would come
    assert statuses(answer) == [403] and b"connection: close" in answer
    assert statuses(serve(refuse).say(head + b"abc" + get("/next"))) == [403, 403]


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

"""Bodies in wrappings: AWS's own chunks, and gzip."""

import asyncio
import gzip
import socket

import pytest

from cloudlet.errors import AwsError
from cloudlet.gateway.bodies import unwrap
from cloudlet.wire.http import Request

from .sockets import get, read_until, statuses

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
    said = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "3"}
    assert "content-encoding" not in unwrapped(trailing, said, size)[2]


def test_a_body_without_chunks_may_name_their_encoding():
    assert unwrapped(b"abc", {"content-encoding": "gzip, aws-chunked"})[0] == b"abc"


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
        unwrapped(body, {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, size)
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
        (gzip.compress(b"hello" * 100, mtime=0)[:-9], "SerializationException"),
        (b"plain", "SerializationException"),
        (gzip.compress(b"x", mtime=0) + b"tail", "SerializationException"),
        (gzip.compress(b"\0" * (80 << 20), mtime=0), "RequestEntityTooLarge"),
        (gzip.compress(b"\0" * (40 << 20), mtime=0) * 2, "RequestEntityTooLarge"),
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

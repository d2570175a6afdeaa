"""The HTTP at a service's door, where it has rules of its own."""

import msgspec


class Front(msgspec.Struct, frozen=True):
    """How large a request may be, and how an answer is sent."""

    body: int = 72 << 20  # bytes of a body that is read whole: a 50 MB zip file in base64, and some
    head: int = 64 << 10  # bytes of the request line and the headers
    compressed: int | None = None  # bytes from which an answer is compressed, for a client that takes it
    unsigned: frozenset[str] = frozenset()  # operations that may be nobody's; "*": it decides for itself
    server: str = ""  # what the Server header says, if there is one
    crc32: bool = False  # whether x-amz-crc32 says the checksum of the body as it is sent

"""Metadata of users beyond printable ASCII: no header carries it, so it travels as RFC 2047 encodes words.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from base64 import b64encode
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.quoprimime import header_encode


def understood(value: str) -> str:
    """A value as its sender means it.

    >>> understood("=?UTF-8?Q?Hello_World=C3=A9?="), understood("=?but=?no?=")
    ('Hello Worldé', '=?but=?no?=')
    """
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def sent(value: str) -> str:
    """A value as a header carries it: what is mostly ASCII stays legible.

    >>> sent("plain"), sent("Hello Worldé"), sent("ÄÖ"), sent("two\\nlines")
    ('plain', '=?UTF-8?Q?Hello_World=C3=A9?=', '=?UTF-8?B?w4TDlg==?=', '=?UTF-8?Q?two=0Alines?=')
    """
    if value.isascii() and value.isprintable():
        return value
    raw = value.encode("utf-8", "replace")
    if 2 * sum(map(str.isascii, value)) > len(value):
        return header_encode(raw, "UTF-8").replace("=?UTF-8?q?", "=?UTF-8?Q?")
    return f"=?UTF-8?B?{b64encode(raw).decode()}?="

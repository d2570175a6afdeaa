"""What exports and imports have in common: a token that makes a second request the first one's, and lists."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from ...errors import AwsError
from ...kernel import Call
from ...store.keys import Key
from . import tables
from .errors import ValidationException
from .limits import EXPORT_TOKEN_MS

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
_TOKEN = 112  # digits of a page's token at least


class Transfer(Protocol):
    """An export or an import, as far as both are the same."""

    @property
    def id(self) -> str: ...
    @property
    def table(self) -> str: ...
    @property
    def started_ms(self) -> int: ...
    @property
    def asked(self) -> bytes: ...


T = TypeVar("T", bound=Transfer)


def known(call: Call, begun: Iterable[tuple[Key, T]], asked: bytes, conflict: AwsError) -> T | None:
    """Which of those ``begun`` with a token it still stands for; it must have ``asked`` for the same."""
    for _, one in begun:
        if one.started_ms + EXPORT_TOKEN_MS > call.now_ms:
            if one.asked != asked:
                raise conflict
            return one
    return None


def within(call: Call, table_arn: str | None, action: str) -> tuple[Call, tuple[str, ...]]:
    """Where those of a table are listed, or all."""
    if table_arn is None:
        return call, ()
    call, name = tables.locate(call, table_arn)
    tables.permit_arn(call, tables.arn_named(call, name), "", action)
    return call, (name,)


def page(found: Iterable[tuple[Key, T]], size: int) -> tuple[list[T], dict[str, str]]:
    """Those that are shown, and the token with which the list goes on if one more was found.

    A token is hexadecimal digits, sixteen or a multiple of that.
    """
    shown = [one for _, one in found]
    if len(shown) <= size:
        return shown, {}
    last = shown[size - 1]
    text = f"{last.table}/{last.id}".encode().hex()
    return shown[:size], {"NextToken": text.ljust(max(_TOKEN, -(-len(text) // 16) * 16), "0")}


def after(token: str | None) -> tuple[str, ...] | None:
    """Where a list goes on."""
    if token is None:
        return None
    try:
        table, id = bytes.fromhex(token).rstrip(b"\0").decode().split("/")
    except ValueError:
        raise ValidationException("Invalid NextToken") from None
    return table, id

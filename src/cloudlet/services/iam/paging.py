"""Lists in pages: ``MaxItems`` and an opaque ``Marker``."""

import base64
import binascii
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from ...errors import ValidationError

T = TypeVar("T")
_DEFAULT = 100


def page(items: Callable[[str | None], Iterable[tuple[str, T]]], marker: str | None, max_items: int | None,
         show: Callable[[T], Any]) -> tuple[list[Any], dict[str, Any]]:
    """One page of what ``items(after)`` gives (keys and things, in order), and what the answer says of the
    rest."""
    limit = max_items or _DEFAULT
    found = list(islice(items(read(marker)), limit + 1))
    shown = [show(item) for _, item in found[:limit]]
    if len(found) <= limit:
        return shown, {"IsTruncated": False}
    return shown, {"IsTruncated": True, "Marker": write(found[limit - 1][0])}


def listed(items: Iterable[tuple[str, T]]) -> Callable[[str | None], Iterable[tuple[str, T]]]:
    """Things that are few, and in memory, as ``page`` wants them."""
    return lambda after: ((key, item) for key, item in sorted(items, key=lambda pair: pair[0])
                          if after is None or key > after)


def read(marker: str | None) -> str | None:
    """The key that a page starts after."""
    if marker is None:
        return None
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, ValueError):
        raise ValidationError("Invalid Marker") from None


def write(key: str) -> str:
    """The marker of the page after ``key``."""
    return base64.urlsafe_b64encode(key.encode()).decode()

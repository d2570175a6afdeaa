"""The outbox: what would leave the cloud for people, such as emails and text messages.

Nothing here sends any. A letter is kept in the store, in the transaction of whoever wrote it, and can be read
at ``/_cloudlet/outbox``, by a test as well as by a person. The oldest are forgotten, which bounds what there
is to look through for one address.
"""

import msgspec

from ..kernel import Call
from ..store import Log, Scope

KEPT = 10_000  # letters
_TRIM = 500


class Letter(msgspec.Struct):
    """One message to somebody. ``kind`` says how it would go: ``email``, ``sms``."""

    kind: str
    to: str
    sender: str
    subject: str
    body: str
    at_ms: int
    source_arn: str = ""  # what in the cloud sent it
    headers: dict[str, str] = {}


class Posted(msgspec.Struct):
    """A letter as readers get it; ``number`` is where to go on from."""

    number: int
    letter: Letter


_letters = Log("outbox", Letter, reach="global")


def post(call: Call, letter: Letter) -> None:
    """Put a letter into the outbox."""
    number = _letters.append(call, entry=letter)
    if number % _TRIM == 0:
        _letters.trim(call, upto=number - KEPT)


def read(scope: Scope, *, to: str = "", kind: str = "", after: int = 0, limit: int = 100) -> list[Posted]:
    """Letters after the one with that number, the oldest first."""
    found = []
    for number, letter in _letters.after(scope, cursor=after):
        if to in ("", letter.to) and kind in ("", letter.kind):
            found.append(Posted(number, letter))
            if len(found) == limit:
                break
    return found

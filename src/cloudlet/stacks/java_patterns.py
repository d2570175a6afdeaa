r"""Regular expressions as Java writes them, which AllowedPattern holds, for Python's ``re``.

The two differ, where templates go, in POSIX classes alone.

>>> compiled(r"\p{Alpha}[\p{Digit}_]*").fullmatch("a1_") is not None
True
"""

import re
from functools import lru_cache

_CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0B\f\r",
}
_PIECE = re.compile(r"\\p\{(?P<class>\w+)\}|\\.|.", re.DOTALL)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """``pattern`` for Python; a ValueError says what can't be read."""
    pieces, within = [], False
    for found in _PIECE.finditer(pattern):
        piece = found[0]
        if name := found["class"]:
            if name not in _CLASSES:
                raise ValueError(f"cloudlet does not know the class {piece}")
            piece = _CLASSES[name] if within else f"[{_CLASSES[name]}]"
        elif piece in "[]":
            within = piece == "["
        pieces.append(piece)
    try:
        return re.compile("".join(pieces))
    except re.error as error:
        raise ValueError(str(error)) from None

"""Random passwords."""

import string
from typing import Any

from ...ids import Ids
from ...kernel import Call
from .errors import InvalidParameterException
from .service import secretsmanager


@secretsmanager.operation
def get_random_password(
    call: Call,
    password_length: int = 32,
    exclude_characters: str = "",
    exclude_numbers: bool = False,
    exclude_punctuation: bool = False,
    exclude_uppercase: bool = False,
    exclude_lowercase: bool = False,
    include_space: bool = False,
    require_each_included_type: bool = True,
) -> dict[str, Any]:
    """A password nobody can guess."""
    kinds = [kind for kind, left_out in (
        (string.ascii_lowercase, exclude_lowercase), (string.ascii_uppercase, exclude_uppercase),
        (string.digits, exclude_numbers), (string.punctuation, exclude_punctuation)) if not left_out]
    if include_space:
        kinds.append(" ")
    left = ["".join(character for character in kind if character not in exclude_characters) for kind in kinds]
    alphabets = [kind for kind in left if kind]
    if not alphabets:
        raise InvalidParameterException("The password can't be generated: all characters are excluded.")
    if require_each_included_type and password_length < len(alphabets):
        raise InvalidParameterException(
            f"Password length {password_length} is too short based on the required types."
        )
    return {"RandomPassword": _password(call.ids, password_length, alphabets, require_each_included_type)}


def _password(ids: Ids, length: int, alphabets: list[str], each: bool) -> str:
    """One of each kind if that is asked for, the rest of any, in an order of chance."""
    found = [ids.text(1, alphabet) for alphabet in alphabets] if each else []
    found += ids.text(length - len(found), "".join(alphabets)) if length > len(found) else ""
    order = [ids.bytes(8) for _ in found]
    return "".join(character for _, character in sorted(zip(order, found, strict=True)))

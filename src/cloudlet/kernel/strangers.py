"""Strangers: whom a key stands for that nobody made here.

One rule for all who read keys: the gateway, S3's forms and MQTT's greeting. Whoever started the cloudlet has
said (``--credentials``) whether a stranger is taken at his word, as by every local tool, or not believed.
"""

import re
from functools import lru_cache
from typing import Literal

from ..identity import Principal, root
from .kernel import Kernel

Credentials = Literal["any", "known"]
OPTION = "credentials"
DEFAULT_ACCOUNT = "000000000000"
ACCOUNT = re.compile(r"\d{12}")


def are_believed(kernel: Kernel) -> bool:
    """Whether keys that nobody made, and requests that nobody signed, are taken at their word."""
    return kernel.wishes.get(OPTION) != "known"


def principal_of(kernel: Kernel, access_key: str, guest: str | None = None) -> Principal | None:
    """The account that such a key claims to be: twelve digits name it, all others stand for the default one.

    None if it is not believed. A function with a network of its own (``guest`` is the key it was given) is
    believed no other key than that.
    """
    if not are_believed(kernel) or (guest is not None and guest != access_key):
        return None
    return _claimed(access_key)


@lru_cache(maxsize=10_000)
def _claimed(access_key: str) -> Principal:
    return root(access_key if ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT, access_key)

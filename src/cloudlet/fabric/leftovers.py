"""Leftovers: bodies that nobody refers to any more, and how their files go.

A file can only be removed once the transaction that gave it up is committed, so that is work for the clock,
due at once. What no clock knows of (a crash came between a file and its record, or an upload was refused when
its file was there) is swept when a cloudlet starts.
"""

import logging
from collections.abc import Sequence

from ..identity import service_principal
from ..kernel import Call, Conversation, Kernel
from ..store import Blobs, StoreError
from . import timers

log = logging.getLogger(__name__)
_AT_ONCE = 200


def release(call: Call, name: str, owner: str) -> None:
    """Say in this transaction that ``owner`` needs a body no more; its file goes if nobody else does."""
    blobs = call.use(Blobs)
    blobs.release(call, name, owner)
    timers.schedule(call, remove_body, at_ms=call.now_ms + blobs.lingers_ms, id=f"body-{name}", blob=name)


async def remove_body(call: Conversation, blob: str) -> None:
    """Remove the file of a body that nobody needs."""
    await remove(call, [blob])


async def sweep(kernel: Kernel, *, older_than_s: float = 0.0) -> int:
    """Remove every file that nobody refers to and nobody is about to; their number.

    Where others write into the same folder, nothing is removed that is younger than ``older_than_s``.
    """
    call = kernel.conversation(service_principal("cloudlet", ""), "leftovers")
    count = 0
    try:
        for names in call.use(Blobs).names(older_than_s):
            for start in range(0, len(names), _AT_ONCE):
                count += await remove(call, names[start : start + _AT_ONCE])
    except (StoreError, OSError) as error:
        log.warning("the sweep of bodies that nobody refers to was broken off: %s", error)
    return count


async def remove(call: Conversation, names: Sequence[str]) -> int:
    """Remove those of the bodies that nobody refers to, once that is committed; their number."""
    blobs = call.use(Blobs)
    blobs.hold(names)
    try:
        return await call.transact(lambda inner: sum(blobs.doom(inner, name) for name in names))
    except BaseException:
        blobs.spare(names)
        raise
    finally:
        blobs.let_go(names)


timers.TASKS["remove_body"] = remove_body

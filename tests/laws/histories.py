"""What many clients did to one thing at once, and whether it can have happened one after another.

A history is a list of operations with the moments they began and ended. It is linearisable if there is an
order of them that respects these moments (what ended before another began comes first) and in which each
answer is what a plain, sequential thing would have given. The search is that of Wing and Gong, with Lowe's
memory of places that led nowhere. An operation whose outcome its client never learnt may have happened at any
moment after it began, or not at all.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

NEVER = 1 << 60


class Done(NamedTuple):
    """An operation: what was asked, what was answered. It ``ended`` NEVER if no answer came."""

    began: int
    ended: int
    asked: Any
    answer: Any


class History:
    """What clients note down. Its clock only counts, so what it says of before and after is so."""

    def __init__(self):
        self._ticks, self.done = itertools.count(), []

    def begin(self):
        return next(self._ticks)

    def end(self, began, asked, answer):
        self.done.append(Done(began, next(self._ticks), asked, answer))

    def lost(self, began, asked):
        self.done.append(Done(began, NEVER, asked, None))


def is_linearisable(done: list[Done], state: Any, step: Callable[[Any, Any], tuple[Any, Any]]) -> bool:
    """Whether ``done`` can be put in an order that ``step(state, asked) -> (state, answer)`` agrees with."""
    done = sorted(done)
    failed = set()
    stack = [(frozenset(range(len(done))), state)]
    while stack:
        left, state = stack.pop()
        if all(done[n].ended == NEVER for n in left):
            return True
        if (left, state) in failed:
            continue
        failed.add((left, state))
        first_end = min(done[n].ended for n in left)
        for n in left:
            if done[n].began < first_end:
                after, answer = step(state, done[n].asked)
                if done[n].ended == NEVER or answer == done[n].answer:
                    stack.append((left - {n}, after))
    return False

"""How a state fails: the names of the language, and what AWS says with them.

An error here is not a fault of the program: it is a value that retriers and catchers look at, and in the end
what the execution reports. ``fatal`` ones pass by every retrier and catcher. The quotas are here, too.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from collections.abc import Sequence
from typing import Any

PAYLOAD_BYTES = 262_144  # input, output and result of a state, in UTF-8
HISTORY_EVENTS = 25_000  # of one execution
WAIT_S = 99_999_999  # longest Seconds, TimeoutSeconds, HeartbeatSeconds
WAIT_AHEAD_MS = ((1 << 31) - 1) * 1000  # how far ahead a Wait may look
STATE_NAME = 80  # characters
INLINE_CONCURRENCY = 40  # iterations of an inline Map at once
CHILD_CONCURRENCY = 10_000  # child executions of a distributed Map at once
VARIABLE_NAME = 80  # characters
VARIABLE_BYTES = 262_144  # one variable, and one Assign
VARIABLES_BYTES = 10_485_760  # all variables of an execution
INTRINSIC_NESTING = 10
INTRINSIC_TEXT = 10_000  # characters that Base64 and Hash take
RANGE_ITEMS = 1_000  # that States.ArrayRange and $range give
EXPRESSION_MS = 2_000  # a JSONata expression may take
EXPRESSION_DEPTH = 400  # calls within calls of a JSONata expression
HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Failure(Exception):
    """A state failed. ``aliases`` are further names that retriers and catchers may use for it."""

    fatal = False
    strand = -1  # where it happened

    def __init__(self, error: str | None, cause: str | None = None, *, aliases: tuple[str, ...] = (),
                 situated: bool = False) -> None:
        super().__init__(cause or error or "")
        self.error, self.cause, self.aliases = error, cause, aliases
        self.situated = situated  # whether the cause begins with where it happened

    def first(self, handlers: Sequence[Any]) -> int | None:
        """Which of some retriers or catchers is meant."""
        return next((at for at, one in enumerate(handlers) if self.matches(one.errors)), None)

    def matches(self, names: tuple[str, ...]) -> bool:
        """Whether a retrier or catcher for ``names`` is meant."""
        if self.fatal:
            return False
        if "States.ALL" in names or self.error in names or not set(self.aliases).isdisjoint(names):
            return True
        return "States.TaskFailed" in names and self.error != "States.Timeout"

    def output(self) -> dict[str, Any]:
        """What a catcher hands on."""
        return {"Error": self.error, "Cause": self.cause}


class RuntimeFailure(Failure):
    """The definition and the data don't fit; no retrier or catcher helps."""

    fatal = True

    def __init__(self, cause: str) -> None:
        super().__init__("States.Runtime", cause, situated=True)


class QueryFailure(Failure):
    """A JSONata expression failed, or gave what the field can't take."""

    def __init__(self, cause: str, location: str = "", *, late: bool = False) -> None:
        super().__init__("States.QueryEvaluationError", cause, situated=True)
        self.location, self.late = location, late  # late: all was evaluated, and the value is no good


class OutputTooLarge(Failure):
    """What a state gave is larger than a payload may be."""

    def __init__(self, name: str) -> None:
        super().__init__("States.DataLimitExceeded", f"The state/task '{name}' returned a result with a size "
                         "exceeding the maximum number of bytes service limit.")


def check_size(text: str, name: str) -> str:
    """The text, if it is no larger than a payload may be."""
    if len(text) > PAYLOAD_BYTES // 4 and len(text.encode()) > PAYLOAD_BYTES:
        raise OutputTooLarge(name)
    return text

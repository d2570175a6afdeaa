"""Names and ARNs: what each kind of ARN names, and how it is refused where it doesn't belong.

``stateMachine:NAME``, ``stateMachine:NAME:VERSION`` or ``:ALIAS``, ``execution:NAME:EXECUTION``,
``express:NAME:EXECUTION:ID``, ``activity:NAME``, ``mapRun:NAME/LABEL:ID``. The state machine of a Map Run's
children is called ``NAME/LABEL``.
"""

import re
from typing import NamedTuple

from ...arn import Arn
from ...kernel import Call, Conversation
from .errors import InvalidArn, InvalidName
from .limits import NAME_LONGEST

MACHINE, EXECUTION, EXPRESS, ACTIVITY, MAP_RUN = "stateMachine", "execution", "express", "activity", "mapRun"
_BAD = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_PARTS = {MACHINE: (1, 2), EXECUTION: (2, 2), EXPRESS: (3, 3), ACTIVITY: (1, 1), MAP_RUN: (2, 2)}


class Named(NamedTuple):
    """What an ARN names: its kind, and the parts of its name."""

    kind: str
    account: str
    region: str
    name: str
    rest: str = ""

    def is_here(self, call: Call) -> bool:
        """Whether it is in the account and region of the call."""
        return (self.account, self.region) == (call.account, call.region)


def read(arn: str, *kinds: str) -> Named:
    """What an ARN names; :class:`InvalidArn` if it is none of those kinds."""
    try:
        found = Arn.parse(arn)
    except ValueError:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'") from None
    kind, *parts = found.resource.split(":")
    if found.service != "states" or kind not in _PARTS:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if kind not in kinds:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {kind}'")
    least, most = _PARTS[kind]
    if not least <= len(parts) <= most or not all(parts):
        raise InvalidArn(f"Invalid Arn: '{arn}'")
    return Named(kind, found.account, found.region, parts[0], ":".join(parts[1:]))


def check(name: str) -> str:
    """The name, if it may be one."""
    if not name or len(name) > NAME_LONGEST or _BAD.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    return name


def machine_arn(call: Call | Conversation, name: str, qualifier: str = "") -> str:
    """The ARN of a state machine, or of a version or alias of it."""
    return call.arn(f"{MACHINE}:{name}" + (f":{qualifier}" if qualifier else ""), "states")


def execution_arn(call: Call | Conversation, machine: str, name: str) -> str:
    """The ARN of a Standard execution."""
    return call.arn(f"{EXECUTION}:{machine}:{name}", "states")


def activity_arn(call: Call | Conversation, name: str) -> str:
    """The ARN of an activity."""
    return call.arn(f"{ACTIVITY}:{name}", "states")

"""Resource types that fail when told to, so that every way of failing can be seen."""

from typing import Any, ClassVar

import msgspec

from cloudlet.kernel import Conversation
from cloudlet.services.cloudformation import service
from cloudlet.stacks.resource import Physical, This

DEEDS: list[tuple[str, str, Any]] = []  # what was done, to which logical id, with what


@service.resource("AWS::CloudFormation::Toy")
class Toy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """``Fails`` names the verbs that fail, ``Stack``-wide names are in ``DEEDS``."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"Name"})
    name: str = ""
    size: int = 0
    secret: str | None = None
    fails: list[str] = []
    after: Any = None
    tags: list[dict[str, str]] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        self._do("create", this)
        return Physical(self.name or this.name(call.ids), {"Size": self.size})

    async def update(self, call: Conversation, this: This, old: "Toy") -> Physical:
        self._do("update", this)
        return Physical(this.physical_id, {"Size": self.size})

    async def delete(self, call: Conversation, this: This) -> None:
        self._do("delete", this)

    def _do(self, verb: str, this: This) -> None:
        DEEDS.append((verb, this.logical_id, self.secret or self.name or self.size))
        if verb in self.fails:
            raise ValueError(f"the toy can't {verb}")

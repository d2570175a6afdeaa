"""What a CloudFormation resource type is to a service.

A type is a struct of its properties with three verbs. Its fields say which properties are honoured:
one that is not among them fails the deployment by name and line, before anything is created.

    @sqs.resource("AWS::SQS::Queue")
    class Queue(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
        REPLACED_BY: ClassVar = frozenset({"QueueName", "FifoQueue"})
        queue_name: str | None = None
        ...
        async def create(self, call: Conversation, this: This) -> Physical: ...
        async def update(self, call: Conversation, this: This, old: "Queue") -> Physical: ...
        async def delete(self, call: Conversation, this: This) -> None: ...

The verbs speak to the service through its own operations (``call.invoke``). ``delete`` succeeds if the
thing is gone already. Values arrive with intrinsic functions resolved, and are converted leniently, as
CloudFormation does: "30" is a number where one is wanted.

After a crash an unfinished ``create`` is run again with the same ``this.token``, so ``this.name`` gives
the same name, and with ``this.resumed``: what the first attempt made may be taken as it is. A ``create``
of several steps may set ``this.physical_id`` early: if it then fails, ``delete`` is called.
A type may also say ``ATTRIBUTES: ClassVar[frozenset[str]]``; then ``Fn::GetAtt`` of another is refused
before anything is created.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self

import msgspec

from ..errors import AwsError
from ..ids import Ids
from ..kernel import Conversation

_SUFFIX = 12
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Tag(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """One of the property ``Tags``."""

    key: str
    value: str


class This(msgspec.Struct):
    """The resource's place in its stack."""

    logical_id: str
    stack_name: str
    stack_id: str
    physical_id: str = ""  # empty until it is created
    attributes: dict[str, Any] = {}  # as the last ``create`` or ``update`` gave them
    tags: dict[str, str] = {}  # of the stack; the resource adds its own
    metadata: dict[str, Any] = {}  # the resource's Metadata, functions resolved
    token: str = ""  # one creation has one, also when a crash makes it run twice
    resumed: bool = False  # an earlier attempt at this step may have got through
    type: str = ""  # as the template says it

    def name(self, ids: Ids, longest: int = 64, *, lower: bool = False) -> str:
        """A physical name in CloudFormation's way: stack, logical id and something random."""
        suffix = _suffix_of(self.token) if self.token else ids.text(_SUFFIX, _ALPHABET)
        room = longest - len(suffix) - 2
        stack, own = self.stack_name, self.logical_id
        if len(stack) + len(own) > room:
            own = own[: max(room // 2, room - len(stack))]
            stack = stack[: room - len(own)]
        name = f"{stack}-{own}-{suffix}"
        return name.lower() if lower else name

    def all_tags(self, own: Iterable[Tag] | None) -> dict[str, str]:
        """The tags that the resource is to have: the stack's, and over them its own."""
        stacks = {key: value for key, value in self.tags.items() if not key.startswith("aws:")}
        return stacks | {tag.key: tag.value for tag in own or ()}


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most operations take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


async def unclaimed(call: Conversation, this: This, name: str, service: str, find: str,
                    **params: Any) -> None:
    """Refuse to take over what is there by that ``name``: ``find`` is the operation that would find it.

    For those types whose own operation gives back what there is instead of refusing to make it twice. A stack
    that took it over would delete it, when it is rolled back, from whoever had it.
    """
    if this.resumed:  # it may be what an earlier attempt made
        return
    try:
        await call.invoke(service, find, **params)
    except AwsError:
        return
    raise AlreadyExists(f"Resource of type '{this.type}' with identifier '{name}' already exists.")


class AlreadyExists(AwsError):
    """The resource already exists."""


def _suffix_of(token: str) -> str:
    digest = hashlib.sha256(token.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_SUFFIX])


class Physical(msgspec.Struct):
    """What came of it: what ``Ref`` gives, and what ``Fn::GetAtt`` gives by attribute."""

    id: str
    attributes: dict[str, Any] = {}


class ResourceType(Protocol):
    """The properties of a resource, and what can be done with them."""

    REPLACED_BY: ClassVar[frozenset[str]]  # properties whose change makes a new resource

    async def create(self, call: Conversation, this: This) -> Physical: ...
    async def update(self, call: Conversation, this: This, old: Self) -> Physical: ...
    async def delete(self, call: Conversation, this: This) -> None: ...

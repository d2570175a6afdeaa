"""Custom resources: a function (or a topic) that makes what CloudFormation does not know.

The function gets a request with a URL and answers there, at a site of this service, when it is done. So
does whoever has a WaitConditionHandle's URL.
"""

from typing import Any, ClassVar

import msgspec

from ...fabric.targets import Delivery, deliver
from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...stacks.document import text_of
from ...stacks.resource import Physical, This
from ...store import Table
from ...wire.http import Request, Response
from .errors import ResourceFailed
from .service import cloudformation

_SITE = "cloudformation-response"
_TIMEOUT_S = 3600
_LONGEST = 4096 * 4
_OWN = frozenset(("ServiceToken", "ServiceTimeout"))


class Answer(msgspec.Struct):
    """What came to a URL; ``given`` says whether something has."""

    scope: tuple[str, str]  # account and region
    given: bool = False
    document: dict[str, Any] = {}


_answers = Table("cloudformation.answers", Answer, reach="global")
_signals = Table("cloudformation.signals", Answer, reach="global")


@cloudformation.resource("AWS::CloudFormation::CustomResource")
class CustomResource(msgspec.Struct):
    """Something that a function makes; every property is the function's own."""

    OPEN: ClassVar[bool] = True
    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"ServiceToken"})
    properties: dict[str, Any]

    async def create(self, call: Conversation, this: This) -> Physical:
        return await self._ask(call, this, "Create")

    async def update(self, call: Conversation, this: This, old: "CustomResource") -> Physical:
        return await self._ask(call, this, "Update", old)

    async def delete(self, call: Conversation, this: This) -> None:
        await self._ask(call, this, "Delete")

    async def _ask(
        self, call: Conversation, this: This, kind: str, old: "CustomResource | None" = None
    ) -> Physical:
        """Send a request and wait for its answer."""
        token = self.properties.get("ServiceToken")
        if not isinstance(token, str):
            raise ResourceFailed(
                "Missing required property: ServiceToken must be defined within Custom Resource"
            )
        request_id = call.ids.uuid()
        event = self._event(call, this, kind, request_id, old)

        def send(inner: Call) -> None:
            _answers.put(inner, request_id, record=Answer((inner.account, inner.region)))
            deliver(
                inner,
                token,
                Delivery(
                    request_id,
                    msgspec.json.encode(event),
                    "cloudformation",
                    this.stack_id,
                    inner.account,
                    {"Subject": "AWS CloudFormation custom resource request"},
                    caller=inner.principal,
                ),
            )

        try:
            await call.transact(send)
            answer = await self._answer(call, request_id)
        finally:
            await call.transact(lambda inner: _answers.delete(inner, request_id))
        if answer.get("Status") != "SUCCESS":
            raise ResourceFailed(
                f"Received response status [FAILED] from custom resource. Message returned: "
                f"{answer.get('Reason', '')} (RequestId: {request_id})"
            )
        physical_id = answer.get("PhysicalResourceId") or this.physical_id
        if kind != "Delete" and not physical_id:
            raise ResourceFailed("Invalid PhysicalResourceId")
        return Physical(text_of(physical_id), answer.get("Data") or {})

    async def _answer(self, call: Conversation, request_id: str) -> dict[str, Any]:
        def answered(inner: Call) -> dict[str, Any] | None:
            found = _answers.get(inner, request_id)
            return found.document if found is not None and found.given else None

        timeout_s = float(self.properties.get("ServiceTimeout") or _TIMEOUT_S)
        answer = await call.until(
            answered, _bell(request_id), deadline_ms=call.now_ms + round(timeout_s * 1000)
        )
        if answer is None:
            raise ResourceFailed(
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs "
                f"for requestId [{request_id}]."
            )
        return answer

    def _event(
        self, call: Conversation, this: This, kind: str, request_id: str, old: "CustomResource | None"
    ) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "ServiceToken": self.properties["ServiceToken"],
            "ResponseURL": call.use(Place).site(_SITE, request_id),
            "StackId": this.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": this.logical_id,
            "ResourceType": this.type,
            "ResourceProperties": _texts(self.properties),
        }
        if this.physical_id:
            event["PhysicalResourceId"] = this.physical_id
        if old is not None:
            event["OldResourceProperties"] = _texts(old.properties)
        return event


@cloudformation.resource("AWS::CloudFormation::WaitConditionHandle")
class WaitConditionHandle(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A URL to which somebody may say that something is done."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()

    async def create(self, call: Conversation, this: This) -> Physical:
        return Physical(call.use(Place).site(_SITE, f"handle-{this.token}"))

    async def update(self, call: Conversation, this: This, old: "WaitConditionHandle") -> Physical:
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        name = this.physical_id.rpartition("/")[2]

        def forget(inner: Call) -> None:
            for key, _ in list(_signals.items(inner, name)):
                _signals.delete(inner, *key)

        await call.transact(forget)


@cloudformation.resource("AWS::CloudFormation::WaitCondition")
class WaitCondition(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Waits until its handle was told often enough."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"Handle", "Timeout", "Count"})
    handle: str
    timeout: int
    count: int = 1

    async def create(self, call: Conversation, this: This) -> Physical:
        name = self.handle.rpartition("/")[2]

        def told(inner: Call) -> list[Answer] | None:
            found = [signal for _, signal in _signals.items(inner, name)]
            failed = [signal for signal in found if signal.document.get("Status") != "SUCCESS"]
            return found if failed or len(found) >= self.count else None

        found = await call.until(told, _bell(name), deadline_ms=call.now_ms + self.timeout * 1000)
        if found is None:
            raise ResourceFailed(
                f"WaitCondition timed out. Received 0 conditions when expecting {self.count}"
            )
        for signal in found:
            if signal.document.get("Status") != "SUCCESS":
                raise ResourceFailed(
                    "WaitCondition received failed message: "
                    f"'{signal.document.get('Reason', '')}' for uniqueId: {signal.document.get('UniqueId')}"
                )
        data = {str(signal.document.get("UniqueId")): signal.document.get("Data", "") for signal in found}
        return Physical(this.name(call.ids), {"Data": msgspec.json.encode(data).decode()})

    async def update(self, call: Conversation, this: This, old: "WaitCondition") -> Physical:
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """There is nothing."""


@cloudformation.site(_SITE)
async def receive(call: Conversation, name: str, request: Request) -> Response:
    """Take the answer of a custom resource, or a signal to a handle."""
    if request.method not in ("PUT", "POST"):
        return Response(405, {"content-type": "text/plain"}, b"PUT the answer here")
    try:
        document = msgspec.json.decode(await request.read(_LONGEST) or b"", type=dict[str, Any])
    except msgspec.DecodeError as error:
        return Response(400, {"content-type": "text/plain"}, str(error).encode())

    def keep(inner: Call) -> bool:
        if name.startswith("handle-"):
            _signals.put(inner, name, str(document.get("UniqueId")), record=Answer(("", ""), True, document))
        else:
            found = _answers.get(inner, name)
            if found is None:
                return False
            found.given, found.document = True, document
            _answers.put(inner, name, record=found)
        inner.tx.ring(_bell(name))
        return True

    known = await call.transact(keep)
    return Response(200) if known else Response(404, {"content-type": "text/plain"}, b"nobody waits for this")


def _bell(name: str) -> str:
    return f"cloudformation/answer/{name}"


def _texts(value: Any) -> Any:
    """Properties as functions get them: every scalar is a text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if value is None else text_of(value)

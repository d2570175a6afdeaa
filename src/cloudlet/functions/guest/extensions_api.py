"""The Extensions API: who registered for what, and what each is waited for.

Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html; states, error types and messages
are those of AWS's own runtime interface emulator.
"""

import asyncio
import json
import typing
import uuid

from .exchange import Answer, Request
from .processes import Process

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
MOST = 10
IDENTIFIER = "Lambda-Extension-Identifier"
_NOT_ALLOWED = "State transition is not allowed"
Told = typing.Dict[str, typing.Any]


class Extension:
    """One extension: a process of its own (external), or part of the runtime (internal)."""

    def __init__(self, name: str, external: bool) -> None:
        self.name, self.external, self.id = name, external, str(uuid.uuid4())
        self.state, self.events, self.error_type = "Started", frozenset[str](), ""
        self.process: Process | None = None
        self._given: asyncio.Future[Told] = asyncio.get_running_loop().create_future()

    def give(self, event: Told) -> None:
        """Answer its present or next poll with an event; from now on it is at work."""
        if self._given.done():  # it has not fetched the one before, and never will
            self._given = asyncio.get_running_loop().create_future()
        self._given.set_result(event)
        self.state = "Running"

    async def poll(self, request: Request) -> "Told | None":
        """Wait for an event, unless the client goes away."""
        if not await request.unless_hung_up(self._given):
            return None
        event = self._given.result()
        self._given = asyncio.get_running_loop().create_future()
        return event


class Extensions:
    """All of an environment, and what they may do when."""

    def __init__(self, about: "dict[str, str]", changed: typing.Callable[[], None],
                 failed_first: typing.Callable[[str], None]) -> None:
        self._about, self._changed, self._failed_first = about, changed, failed_first
        self.open = True
        self.all: dict[str, Extension] = {}  # by name

    def launch(self, name: str) -> Extension:
        """An external one that is about to be started."""
        extension = self.all[name] = Extension(name, external=True)
        return extension

    def subscribed(self, event: str) -> "list[Extension]":
        """Those that want to be told of an event."""
        return [one for one in self.all.values() if event in one.events]

    async def serve(self, request: Request) -> "Answer | None":
        """A request below ``/2020-01-01/extension``."""
        route = (request.method, request.path.partition("/extension/")[2])
        if route == ("POST", "register"):
            return self._register(request, await request.body())
        extension = self.find(request)
        if isinstance(extension, Answer):
            return extension
        if route == ("GET", "event/next"):
            return await self._next(extension, request)
        if route in (("POST", "init/error"), ("POST", "exit/error")):
            return self._fail(extension, request, route[1].partition("/")[0])
        return Answer(404, b"404 page not found\n")

    def find(self, request: Request) -> "Extension | Answer":
        """The extension that asks, or what it is told."""
        told = request.headers.get(IDENTIFIER.lower(), "")
        if not told:
            return _forbidden("Extension.MissingExtensionIdentifier", f"Missing {IDENTIFIER} header")
        try:
            wanted = str(uuid.UUID(told))
        except ValueError:
            return _forbidden("Extension.InvalidExtensionIdentifier", f"Invalid {IDENTIFIER}")
        found = next((one for one in self.all.values() if one.id == wanted), None)
        return found or _forbidden("Extension.UnknownExtensionIdentifier", f"Unknown extension {wanted}")

    def _register(self, request: Request, raw: bytes) -> Answer:
        name = request.headers.get("lambda-extension-name", "")
        if not name:
            return _forbidden("Extension.InvalidExtensionName", "Empty extension name")
        try:
            asked = json.loads(raw)
            events = asked.get("events") or []  # names a service: no, this is a member of the body
            known = [str(one) for one in events]
        except (ValueError, AttributeError, TypeError) as error:
            return _forbidden("InvalidRequestFormat", str(error))
        if asked.get("configurationKeys"):
            return _forbidden("InvalidRequestFormat",
                              "configurationKeys are deprecated; use environment variables instead")
        extension = self.all.get(name)
        external = extension is not None and extension.external
        for event in known:
            if event not in (INVOKE, SHUTDOWN):
                return _forbidden("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
            if event == SHUTDOWN and not external:
                return _forbidden("Extension.InvalidEventType",
                                  f"{event}: ShutdownEventNotSupportedForInternalExtension")
        if not external:
            if not self.open:
                return _forbidden("Extension.RegistrationClosed", "Extension registration closed already")
            if len(self.all) >= MOST:
                return _forbidden("Extension.TooManyExtensions", f"Extension limit ({MOST}) reached")
            if extension is not None:
                return _forbidden("Extension.InvalidExtensionState",
                                  "Extension with this name already registered")
            extension = self.all[name] = Extension(name, external=False)
        assert extension is not None
        if extension.state != "Started":
            return _refused(extension, "Registered", extension.name)
        extension.events, extension.state = frozenset(known), "Registered"
        self._changed()
        features = request.headers.get("lambda-extension-accept-feature", "").split(",")
        hidden = () if "accountId" in [one.strip() for one in features] else ("accountId",)
        return Answer(200, {key: value for key, value in self._about.items() if key not in hidden},
                      {IDENTIFIER: extension.id})

    async def _next(self, extension: Extension, request: Request) -> "Answer | None":
        if extension.state not in ("Registered", "Running"):
            return _refused(extension, "Ready", extension.id)
        extension.state = "Ready"
        self._changed()
        event = await extension.poll(request)
        if event is None:
            return None
        return Answer(200, event, {"Lambda-Extension-Event-Identifier": str(uuid.uuid4()),
                                   IDENTIFIER: extension.id})

    def _fail(self, extension: Extension, request: Request, phase: str) -> Answer:
        header = "Lambda-Extension-Function-Error-Type"
        error_type = request.headers.get(header.lower(), "")
        if not error_type:
            return _forbidden("Extension.MissingHeader", f"{header} not found")
        states = ("Registered",) if phase == "init" else ("Registered", "Ready", "Running")
        target = "InitError" if phase == "init" else "ExitError"
        if extension.state not in (*states, target):
            return _refused(extension, "InitError" if phase == "init" else "Exited", extension.id)
        extension.state, extension.error_type = target, error_type
        self._failed_first(f"Extension.{target}")
        return Answer(202, {"status": "OK"})


def _forbidden(kind: str, message: str) -> Answer:
    return Answer(403, {"errorType": kind, "errorMessage": message})


def _refused(extension: Extension, target: str, who: str) -> Answer:
    return _forbidden("Extension.InvalidExtensionState",
                      f"State transition from {extension.state} to {target} failed for extension {who}. "
                      f"Error: {_NOT_ALLOWED}")

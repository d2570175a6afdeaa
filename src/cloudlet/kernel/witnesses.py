"""Witnesses: what a service wants to know of the requests that came to it over HTTP, once they are answered.

Which requests matter, their operations know: they note it under the request's id. A note is in memory, and
costs nothing where there is none; a service that has noted something hears of the answer before it is sent.
"""

from typing import Any

import msgspec

from ..errors import AwsError
from ..identity import ANONYMOUS, Principal
from ..wire.http import Request


class Heard(msgspec.Struct):
    """A request on its way to its answer."""

    id: str
    request: Request
    at_ms: int
    service: str = ""
    operation: str = ""
    params: dict[str, Any] = {}
    principal: Principal = ANONYMOUS
    signed: bool = False
    presigned: bool = False
    algorithm: str = ""  # of the signature
    result: dict[str, Any] = {}
    error: AwsError | None = None
    notes: dict[str, Any] = {}

    @property
    def line(self) -> str:
        """The method and the path, as they were sent."""
        asked = self.request
        return f"{asked.method} {asked.prefix}{asked.path}{'?' if asked.query else ''}{asked.query}"


class Witnesses:
    """The requests that are being answered."""

    def __init__(self) -> None:
        self._open: dict[str, Heard] = {}

    def begin(self, heard: Heard) -> None:
        """The request came."""
        self._open[heard.id] = heard

    def end(self, heard: Heard) -> None:
        """It is answered."""
        del self._open[heard.id]

    def note(self, id: str, name: str, value: Any) -> None:
        """Its service wants to hear of its answer; nothing happens if it did not come over HTTP."""
        heard = self._open.get(id)
        if heard is not None:
            heard.notes[name] = value

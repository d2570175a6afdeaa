"""Lines: bytes both ways, for a service that speaks a protocol of its own with whoever connects.

A service registers one (``@service.line("mqtt")``); the gateway brings the bytes, from a socket or from the
messages of a WebSocket, and neither knows of the other. The service's function gets a conversation of whoever
has proved who he is, or of nobody.
"""

from typing import Protocol


class Line(Protocol):
    """One connection."""

    @property
    def peer(self) -> tuple[str, int]:
        """The address and port at the other end."""

    async def read(self) -> bytes:
        """What has arrived since, once something has; empty when the other has ended."""

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other is behind with reading."""

    def close(self) -> None:
        """End it, once what was written is sent."""

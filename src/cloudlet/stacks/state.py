"""What is remembered of a resource between deployments, and during one."""

from typing import Any, Literal

import msgspec

Step = Literal["", "created", "updated", "replaced"]


class Snapshot(msgspec.Struct):
    """A resource as it was, or as it was going to be."""

    type: str
    physical_id: str = ""
    attributes: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class State(msgspec.Struct):
    """A resource of a stack. ``properties`` are resolved but for dynamic references: secrets stay away.

    ``execution`` is the deployment that touched it last and ``step`` what that did; ``previous`` is what
    it was before, ``discard`` what a rollback left to be deleted.
    """

    logical_id: str
    type: str
    status: str = ""
    reason: str = ""
    physical_id: str = ""
    attributes: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    depends_on: list[str] = []
    token: str = ""
    execution: str = ""
    step: Step = ""
    previous: Snapshot | None = None
    discard: Snapshot | None = None
    updated_ms: int = 0

    @property
    def complete(self) -> bool:
        """Whether the last thing that was done to it came to a good end."""
        return self.status.endswith("_COMPLETE")

    def basis(self) -> Snapshot | None:
        """What a change starts from: what it was, if the last change failed; None if it was never created."""
        if self.previous is not None and self.status.endswith("_FAILED"):
            return self.previous
        return self.snapshot() if self.physical_id else None

    def snapshot(self) -> Snapshot:
        """It as it is now."""
        return Snapshot(self.type, self.physical_id, self.attributes, self.properties, self.metadata)

    def restore(self, snapshot: Snapshot) -> None:
        """Let it be as it was."""
        self.type, self.physical_id, self.attributes = (
            snapshot.type,
            snapshot.physical_id,
            snapshot.attributes,
        )
        self.properties, self.metadata = snapshot.properties, snapshot.metadata

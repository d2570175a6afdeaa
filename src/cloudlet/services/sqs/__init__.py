"""Amazon SQS: queues, and messages that hide while someone works on them."""

from . import (
    dead_letters,
    handling,
    moves,
    permissions,
    queues,
    receiving,
    resources,
    sending,
    sources,
    tags,
    targets,
    upkeep,
)
from .service import sqs as service

__all__ = ["dead_letters", "handling", "moves", "permissions", "queues", "receiving", "resources", "sending",
           "service", "sources", "tags", "targets", "upkeep"]

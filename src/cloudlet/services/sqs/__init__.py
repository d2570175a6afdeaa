"""Amazon SQS: queues, and messages that hide while someone works on them."""

from . import queues
from .service import sqs as service

__all__ = ["queues", "service"]

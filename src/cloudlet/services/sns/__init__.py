"""Amazon SNS: topics, and everybody who wants to hear what is published to them."""

from . import (
    archive,
    confirming,
    permissions,
    posting,
    publishing,
    resources,
    signing,
    sms,
    subscriptions,
    tags,
    targets,
    topics,
)
from .service import sns as service

__all__ = ["archive", "confirming", "permissions", "posting", "publishing", "resources", "service", "signing",
           "sms", "subscriptions", "tags", "targets", "topics"]

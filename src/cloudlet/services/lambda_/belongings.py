"""What belongs to one qualifier of a function, and goes when that goes: its policy, its URL, its settings."""

from ...kernel import Call
from . import permissions, provisioned, urls
from .concurrency import recount
from .invoke_configs import configs
from .records import LATEST


def forget(call: Call, name: str, qualifier: str) -> None:
    """Forget what belongs to a version or an alias, so that a namesake does not inherit it."""
    permissions.forget(call, name, qualifier)
    configs.delete(call, name, qualifier)
    urls.forget(call, name, "" if qualifier == LATEST else qualifier)
    provisioned.drop(call, name, qualifier)
    recount(call)

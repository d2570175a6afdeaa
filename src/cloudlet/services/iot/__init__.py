"""AWS IoT Core's rules: what is done with the messages of devices."""

from . import dispatch, endpoint, resources, rules, tags
from .service import iot as service

__all__ = ["dispatch", "endpoint", "resources", "rules", "service", "tags"]

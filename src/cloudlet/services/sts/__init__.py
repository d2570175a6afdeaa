"""AWS STS: short-lived credentials, and who one is."""

from . import roles, tokens
from .service import sts as service

__all__ = ["roles", "service", "tokens"]

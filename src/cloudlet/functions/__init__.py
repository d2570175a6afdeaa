"""Functions: code of users, in sandboxed processes that are warm when they can be."""

from .pool import Pool
from .spec import Invocation, Outcome, Spec, Trial

__all__ = ["Invocation", "Outcome", "Pool", "Spec", "Trial"]

"""The Lambda service."""

from ...kernel import Service
from . import constraints

lambda_ = Service("lambda", check=constraints.check)

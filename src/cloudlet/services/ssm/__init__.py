"""AWS Systems Manager: Parameter Store."""

from . import parameters, reading, resources
from .service import ssm as service

__all__ = ["parameters", "reading", "resources", "service"]

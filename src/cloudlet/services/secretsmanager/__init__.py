"""AWS Secrets Manager: secrets, their versions, and what becomes of them."""

from . import listing, passwords, resources, secrets, values
from .service import secretsmanager as service

__all__ = ["listing", "passwords", "resources", "secrets", "service", "values"]

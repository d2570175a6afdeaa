"""The Secrets Manager service."""

from ...kernel import Service

secretsmanager = Service("secretsmanager")

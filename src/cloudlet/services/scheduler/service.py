"""The EventBridge Scheduler service."""

from ...kernel import Service

scheduler = Service("scheduler")

"""The schema registry of EventBridge, where the shapes of events are known."""

from ...kernel import Service

schemas = Service("schemas")

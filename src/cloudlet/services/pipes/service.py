"""The EventBridge Pipes service."""

from ...kernel import Service

pipes_ = Service("pipes")

"""Traces, and what the kernel sees of every request."""

from .trace import Span, Trace, Tracer, tracing

__all__ = ["Span", "Trace", "Tracer", "tracing"]

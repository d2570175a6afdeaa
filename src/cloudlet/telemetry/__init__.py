"""Traces, what travelled, and what the kernel sees of every request."""

from .sightings import Outcome, Sighting, Sightings
from .trace import Span, Trace, Tracer, tracing

__all__ = ["Outcome", "Sighting", "Sightings", "Span", "Trace", "Tracer", "tracing"]

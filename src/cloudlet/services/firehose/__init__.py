"""Amazon Data Firehose: records are gathered, transformed, and delivered to S3 or to an HTTP endpoint."""

from . import delivering, puts, resources, streams
from .service import firehose as service

__all__ = ["delivering", "puts", "resources", "service", "streams"]

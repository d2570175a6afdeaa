"""Amazon S3's control plane: access points to buckets."""

from . import points, policies
from .service import s3control as service

__all__ = ["points", "policies", "service"]

"""Amazon S3's control plane: access points to buckets, and the public access that an account never gives."""

from . import blocks, points, policies, resources, tagging
from .service import s3control as service

__all__ = ["blocks", "points", "policies", "resources", "service", "tagging"]

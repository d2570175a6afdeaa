"""Amazon S3: buckets, and objects of any size in them."""

from . import (
    access_logs,
    access_settings,
    archives,
    browsers,
    bucket_settings,
    buckets,
    copying,
    deleting,
    lifecycle,
    listing,
    logging_settings,
    multipart,
    notifications,
    objects,
    reading,
    replication,
    resources,
    selecting,
    tagging,
    website,
)
from .service import s3 as service

__all__ = ["access_logs", "access_settings", "archives", "browsers", "bucket_settings", "buckets", "copying",
           "deleting", "lifecycle", "listing", "logging_settings", "multipart", "notifications", "objects",
           "reading", "replication", "resources", "selecting", "service", "tagging", "website"]

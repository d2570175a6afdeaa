"""Destinations: where a stream delivers, checked when it is configured and read when it delivers.

A configuration is kept as AWS writes it, for an update is merged into it member by member. What is not
honoured is refused by name here, so whoever reads one later finds nothing that he would pass over.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any
from urllib.parse import urlsplit

import msgspec

from . import limits, prefixes, processors
from .errors import InvalidArgumentException, not_honoured
from .processors import Processing

Config = Mapping[str, Any]
_S3 = frozenset(("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix", "BufferingHints", "CompressionFormat",
                 "EncryptionConfiguration", "CloudWatchLoggingOptions"))
_EXTENDED = _S3 | {"ProcessingConfiguration", "S3BackupMode", "S3BackupConfiguration", "FileExtension",
                   "DynamicPartitioningConfiguration", "CustomTimeZone", "DataFormatConversionConfiguration"}
_HTTP = frozenset(("EndpointConfiguration", "BufferingHints", "CloudWatchLoggingOptions", "S3BackupMode",
                   "RequestConfiguration", "ProcessingConfiguration", "RoleARN", "RetryOptions",
                   "S3Configuration", "SecretsManagerConfiguration"))
_EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz", "ZIP": ".zip"}
_MB = 1 << 20


class Hints(msgspec.Struct, frozen=True):
    """When a buffer is full: by size, by time, by the number of its records (0: any)."""

    size: int
    wait_ms: int
    count: int = 0


class Bucket(msgspec.Struct, frozen=True):
    """A place in S3."""

    name: str
    role: str
    prefix: str
    error_prefix: str
    compression: str
    extension: str
    zone: tzinfo


def bucket_of(given: Config) -> Bucket:
    """An S3 destination, as its configuration says."""
    prefix, error_prefix = given.get("Prefix") or "", given.get("ErrorOutputPrefix") or ""
    compression = given.get("CompressionFormat") or "UNCOMPRESSED"
    return Bucket(
        given["BucketARN"].rpartition(":")[2], given["RoleARN"], prefixes.of_records(prefix),
        prefixes.of_failures(prefix, error_prefix), compression,
        given.get("FileExtension") or _EXTENSIONS[compression],
        prefixes.zone(given.get("CustomTimeZone") or ""))


def logging_of(given: Config) -> tuple[str, str] | None:
    """The log group and stream that errors are written to, if any."""
    options = given.get("CloudWatchLoggingOptions") or {}
    if not options.get("Enabled"):
        return None
    return options["LogGroupName"], options["LogStreamName"]


def hints_of(given: Config, *, count: int = 0) -> Hints:
    """How a destination is buffered."""
    hints = given.get("BufferingHints") or {}
    return Hints(hints.get("SizeInMBs", limits.BUFFER_MB) * _MB,
                 hints.get("IntervalInSeconds", limits.BUFFER_S) * 1000, count)


def processing_of(given: Config) -> Processing:
    """What happens to records on their way to a destination."""
    role = given.get("RoleARN") or (given.get("S3Configuration") or {}).get("RoleARN") or ""
    return processors.of(given.get("ProcessingConfiguration"), role)


def backup_of(kind: str, given: Config) -> Config | None:
    """Where every record of the source is written, too; None if none is."""
    if kind == "http":
        return dict(given["S3Configuration"]) if given.get("S3BackupMode") == "AllData" else None
    return dict(given["S3BackupConfiguration"]) if given.get("S3BackupMode") == "Enabled" else None


def failures_of(kind: str, given: Config) -> Config:
    """Where it is written what could not be delivered."""
    return dict(given["S3Configuration"]) if kind == "http" else given


def shown(kind: str, given: Config) -> str:
    """A destination in the words of the log: a bucket's ARN, or an endpoint's host."""
    if kind == "http":
        return urlsplit(str(given["EndpointConfiguration"]["Url"])).netloc
    return str(given["BucketARN"])


def is_partitioned(given: Config) -> bool:
    """Whether a record's keys decide where it goes."""
    return bool((given.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))


def check_s3(given: Config, *, extended: bool = True, where: str = "") -> None:
    """Refuse an S3 destination that AWS refuses, or that can't be honoured."""
    where = where or ("ExtendedS3DestinationConfiguration" if extended else "S3DestinationConfiguration")
    _only(given, _EXTENDED if extended else _S3, where)
    partitioned = is_partitioned(given)
    prefixes.check(given.get("Prefix"), given.get("ErrorOutputPrefix"), partitioned=partitioned)
    prefixes.zone(given.get("CustomTimeZone") or "")
    if given.get("CompressionFormat", "UNCOMPRESSED") not in _EXTENSIONS:
        raise not_honoured(f"CompressionFormat {given['CompressionFormat']} of {where}", " GZIP and ZIP are.")
    if "KMSEncryptionConfig" in (given.get("EncryptionConfiguration") or {}):
        raise not_honoured(f"KMSEncryptionConfig of {where}")
    if (given.get("DataFormatConversionConfiguration") or {"Enabled": False}).get("Enabled", True):
        raise not_honoured(f"DataFormatConversionConfiguration of {where}")
    _check_shared(given)
    if partitioned and hints_of(given).size < limits.PARTITIONED_MB_LEAST * _MB:
        raise InvalidArgumentException(
            "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")
    if processing_of(given).function is None and partitioned:
        raise InvalidArgumentException(
            "Processing Configuration is not valid when Dynamic Partitioning is enabled: a function or a "
            "metadata extraction must give the partition keys")
    if given.get("S3BackupMode") == "Enabled":
        if not given.get("S3BackupConfiguration"):
            raise InvalidArgumentException("S3BackupConfiguration must be given when S3BackupMode is Enabled")
        check_s3(given["S3BackupConfiguration"], extended=False, where="S3BackupConfiguration")


def check_http(given: Config) -> None:
    """Refuse an HTTP endpoint that AWS refuses, or that can't be honoured."""
    _only(given, _HTTP, "HttpEndpointDestinationConfiguration")
    _check_shared(given)
    check_s3(given["S3Configuration"], extended=False, where="S3Configuration")
    processing_of(given)
    secret = given.get("SecretsManagerConfiguration") or {}
    if secret.get("Enabled") and not secret.get("SecretARN"):
        raise InvalidArgumentException("SecretARN must be given when SecretsManagerConfiguration is enabled")


def check(kind: str, given: Config, *, extended: bool = True) -> None:
    """Refuse a destination of that kind that can't be."""
    if kind == "http":
        check_http(given)
    else:
        check_s3(given, extended=extended)


def merged(given: Config, update: Config) -> dict[str, Any]:
    """A configuration with what an update says; S3 destinations in it are merged in turn."""
    found = dict(given)
    for name, value in update.items():
        if name in ("S3BackupUpdate", "S3Update"):
            inner = name.replace("Update", "Configuration")
            found[inner] = {**(given.get(inner) or {}), **value}
        else:
            found[name] = value
    return found


def roles_of(kind: str, given: Config) -> list[str]:
    """All roles that a destination names."""
    inner = [given.get("S3BackupConfiguration"), given.get("S3Configuration")]
    secret = (given.get("SecretsManagerConfiguration") or {}).get("RoleARN")
    function = processing_of(given).function
    named = [given.get("RoleARN"), secret, function.role if function else None,
             *(one.get("RoleARN") for one in inner if one)]
    return list(dict.fromkeys(filter(None, named)))


def _check_shared(given: Config) -> None:
    hints = given.get("BufferingHints")
    if hints and len(hints) != 2:
        raise InvalidArgumentException("Both or neither of SizeInMBs and IntervalInSeconds must be specified "
                                       "in BufferingHints")
    options = given.get("CloudWatchLoggingOptions") or {}
    if options.get("Enabled") and not (options.get("LogGroupName") and options.get("LogStreamName")):
        raise InvalidArgumentException("LogGroupName and LogStreamName must be specified when CloudWatch "
                                       "logging is enabled")


def _only(given: Config, honoured: frozenset[str], where: str) -> None:
    for name in given:
        if name not in honoured:
            raise not_honoured(f"{name} of {where}")

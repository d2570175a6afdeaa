"""Scalars between Python and the wire.

>>> read_timestamp(1.5).isoformat()
'1970-01-01T00:00:01.500000+00:00'
>>> write_timestamp(read_timestamp("2026-01-02T03:04:05Z"), "iso8601")
'2026-01-02T03:04:05Z'
>>> write_timestamp(1_767_323_045, "rfc822")
'Fri, 02 Jan 2026 03:04:05 GMT'
"""

import base64
import binascii
import json
import math
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from ..errors import SerializationException
from .shapes import Member

Moment = datetime | int | float  # a result may give either: a datetime, or seconds since 1970
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_timestamp(value: str | int | float) -> datetime:
    """A timestamp in any of the forms AWS uses."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if _NUMBER.fullmatch(value):
            return datetime.fromtimestamp(float(value), UTC)
        if value[:1].isdigit():
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, OSError):
        raise SerializationException(f"Unable to parse date: {value}") from None


def write_timestamp(value: Moment, form: str) -> str | int | float:
    """``value`` as ``iso8601``, ``iso8601.000`` (always with milliseconds), ``rfc822``, ``unixTimestamp``."""
    if form == "unixTimestamp":
        seconds = value.timestamp() if isinstance(value, datetime) else float(value)
        return int(seconds) if seconds.is_integer() else seconds
    stamp = value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    if form == "rfc822":
        return format_datetime(stamp, usegmt=True)
    exact = stamp.microsecond or form == "iso8601.000"
    return stamp.isoformat(timespec="milliseconds" if exact else "seconds")[:-6] + "Z"


def read_text(text: str, member: Member) -> Any:
    """A scalar from the text that stands for it in XML, a header or a URL."""
    try:
        match member.type:
            case "string" if member.jsonvalue:
                return json.loads(base64.b64decode(text))
            case "boolean":
                if text.lower() not in ("true", "false"):
                    raise ValueError
                return text.lower() == "true"
            case "integer" | "long" | "short" | "byte":
                return int(text)
            case "float" | "double":
                return _SPECIAL[text] if text in _SPECIAL else float(text)
            case "blob":
                return base64.b64decode(text, validate=False)
            case "timestamp":
                return read_timestamp(text)
    except (ValueError, binascii.Error):
        raise SerializationException(
            f"{text[:100]!r} is not a valid {member.type} for {member.wire}"
        ) from None
    return text


def write_text(value: Any, member: Member, timestamps: str) -> str:
    """A scalar as text, for XML, headers and URLs."""
    match member.type:
        case "string" if member.jsonvalue:
            return base64.b64encode(json.dumps(value).encode()).decode()
        case "boolean":
            return "true" if value else "false"
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return str(write_timestamp(value, member.timestamp_format or timestamps))
        case "float" | "double":
            return write_float(value)
    return str(value)


def write_float(value: float) -> str:
    """A number as text, with the names JSON and XML use for what is none."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

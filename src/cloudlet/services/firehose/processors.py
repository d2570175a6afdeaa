"""Processors: what happens to records between the source and the destination.

In AWS's order: they are unpacked (Decompression, CloudWatchLogProcessing, RecordDeAggregation), handed to a
function (Lambda), and parted by line feeds when they are written (AppendDelimiterToRecord).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from . import limits
from .errors import InvalidArgumentException, not_honoured

_MOST = 5
_PARAMETERS = {
    "Lambda": {"LambdaArn", "NumberOfRetries", "RoleArn", "BufferSizeInMBs", "BufferIntervalInSeconds"},
    "Decompression": {"CompressionFormat"}, "CloudWatchLogProcessing": {"DataMessageExtraction"},
    "RecordDeAggregation": {"SubRecordType", "Delimiter"}, "AppendDelimiterToRecord": {"Delimiter"},
}


class Function(msgspec.Struct, frozen=True):
    """The function that transforms records, and how it is called."""

    arn: str
    role: str
    retries: int
    size: int
    wait_ms: int


class Processing(msgspec.Struct, frozen=True):
    """All that happens to records. ``delimiter`` stands between two of them."""

    function: Function | None = None
    decompress: bool = False
    extract: bool = False  # the messages from events of CloudWatch Logs
    deaggregate: bool = False
    separator: bytes | None = None  # of packed records; None: they are JSON objects
    delimiter: bytes = b""

    @property
    def unpacks(self) -> bool:
        """Whether one record may become another, or several, before any function sees it."""
        return self.decompress or self.deaggregate


def of(given: Mapping[str, Any] | None, role: str) -> Processing:
    """The processing that a configuration means, or why AWS or cloudlet refuses it."""
    listed = (given or {}).get("Processors") or []
    parsed = [(one["Type"], _parameters(one)) for one in listed]
    by_type = dict(parsed)
    if sum(kind == "Lambda" for kind, _ in parsed) > 1:
        raise InvalidArgumentException("Only one Lambda processor can be specified")
    found = Processing(
        _function(by_type["Lambda"], role) if "Lambda" in by_type else None,
        "Decompression" in by_type, _extracts(by_type), "RecordDeAggregation" in by_type,
        _separator(by_type.get("RecordDeAggregation", {})),
        _delimiter(by_type["AppendDelimiterToRecord"]) if "AppendDelimiterToRecord" in by_type else b"")
    if not (given or {}).get("Enabled"):
        return Processing()
    if not 1 <= len(listed) <= _MOST:
        raise InvalidArgumentException(f"Processors must have between 1 and {_MOST} processors when "
                                       "processing is enabled")
    return found


def _parameters(processor: Mapping[str, Any]) -> dict[str, str]:
    kind = processor["Type"]
    if kind not in _PARAMETERS:
        raise not_honoured(f"the processor {kind}", " A function can give the partition keys instead."
                           if kind == "MetadataExtraction" else "")
    found = {one["ParameterName"]: one["ParameterValue"] for one in processor.get("Parameters") or ()}
    for name in found:
        if name not in _PARAMETERS[kind]:
            raise InvalidArgumentException(f"The parameter {name} is not valid for the processor {kind}")
    return found


def _function(given: Mapping[str, str], role: str) -> Function:
    if "LambdaArn" not in given:
        raise InvalidArgumentException("LambdaArn must be specified for the processor Lambda")
    try:
        retries = int(given.get("NumberOfRetries", limits.PROCESSING_RETRIES))
        size_mb = float(given.get("BufferSizeInMBs", limits.PROCESSING_MB))
        wait_s = int(given.get("BufferIntervalInSeconds", limits.PROCESSING_S))
    except ValueError as error:
        raise InvalidArgumentException(f"A parameter of the processor Lambda is no number: {error}") from None
    least, most = limits.PROCESSING_MB_RANGE
    if not (0 <= retries <= 300 and least <= size_mb <= most and 0 <= wait_s <= 900):
        raise InvalidArgumentException(
            f"The processor Lambda takes NumberOfRetries from 0 to 300, BufferSizeInMBs from {least} to "
            f"{most} and BufferIntervalInSeconds from 0 to 900")
    return Function(given["LambdaArn"], given.get("RoleArn", role), retries, int(size_mb * (1 << 20)),
                    wait_s * 1000)


def _extracts(by_type: Mapping[str, Mapping[str, str]]) -> bool:
    if by_type.get("Decompression", {}).get("CompressionFormat", "GZIP") != "GZIP":
        raise InvalidArgumentException("CompressionFormat of the processor Decompression must be GZIP")
    given = by_type.get("CloudWatchLogProcessing")
    if given is None:
        return False
    value = given.get("DataMessageExtraction", "").lower()
    if value not in ("true", "false") or "Decompression" not in by_type:
        raise InvalidArgumentException("CloudWatchLogProcessing needs DataMessageExtraction, which is true "
                                       "or false, and the processor Decompression")
    return value == "true"


def _separator(given: Mapping[str, str]) -> bytes | None:
    kind = given.get("SubRecordType", "JSON")
    if kind == "JSON":
        return None
    try:
        found = base64.b64decode(given.get("Delimiter", ""), validate=True)
    except binascii.Error:
        found = b""
    if kind != "DELIMITED" or not found:
        raise InvalidArgumentException("SubRecordType must be JSON, or DELIMITED with a Delimiter in base64")
    return found


def _delimiter(given: Mapping[str, str]) -> bytes:
    if given.get("Delimiter", "\\n") not in ("\\n", "\n"):
        raise InvalidArgumentException("The only Delimiter of the processor AppendDelimiterToRecord is \\n")
    return b"\n"

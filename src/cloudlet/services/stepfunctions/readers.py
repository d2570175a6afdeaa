"""ItemReader: the items of a distributed Map, from objects in S3, each as a JSON text.

An object's text is decoded as it comes; only what is one value as a whole (a JSON array) is taken in whole.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ...identity import Principal
from ...kernel import Conversation
from ...workflow.intrinsics import json_text, json_value

Config = dict[str, Any]
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_LIST = ("arn:aws:states:::s3:listObjectsV2", "arn:aws:states:::aws-sdk:s3:listObjectsV2")


class Unreadable(Exception):
    """The items can't be read; the text says why."""


async def read(call: Conversation, principal: Principal, resource: str, given: Any,
               config: Config) -> AsyncIterator[str]:
    """The items one after another; :class:`Unreadable` if there are none to be had."""
    try:
        async for item in _read(call, principal, resource, given, config):
            yield item
    except (ValueError, OSError, EOFError, csv.Error, zlib.error) as error:
        raise Unreadable(f"The items can't be read: {error}") from None


async def _read(call: Conversation, principal: Principal, resource: str, given: Any,
                config: Config) -> AsyncIterator[str]:
    if not isinstance(given, dict) or not given.get("Bucket"):
        raise Unreadable("The ItemReader names no Bucket.")
    if resource in _LIST:
        async for found in _objects(call, principal, given):
            if config.get("Transformation") == "LOAD_AND_FLATTEN":
                where = {"Bucket": given["Bucket"], "Key": found["Key"]}
                async for item in _contents(call, principal, where, config):
                    yield item
            else:
                yield json_text(found)
        return
    async for item in _contents(call, principal, given, config):
        yield item


async def _objects(call: Conversation, principal: Principal, given: Config) -> AsyncIterator[Config]:
    token: str | None = None
    while True:
        more = {"ContinuationToken": token} if token else {}
        prefix = {"Prefix": given["Prefix"]} if given.get("Prefix") else {}
        page = await call.invoke("s3", "ListObjectsV2", as_principal=principal, Bucket=given["Bucket"],
                                 **prefix, **more)
        for one in page.get("Contents", ()):
            moment = one["LastModified"]
            yield {"Etag": one["ETag"], "Key": one["Key"], "Size": one["Size"],
                   "LastModified": moment if isinstance(moment, int | float) else moment.timestamp(),
                   "StorageClass": one.get("StorageClass", "STANDARD")}
        token = page.get("NextContinuationToken")
        if not token:
            return


async def _contents(call: Conversation, principal: Principal, given: Config,
                    config: Config) -> AsyncIterator[str]:
    """The items in one object."""
    kind = config.get("InputType", "JSON")
    if not given.get("Key"):
        raise Unreadable("The ItemReader names no Key.")
    match kind:
        case "CSV":
            async for item in _rows(_lines(call, principal, given), config):
                yield item
        case "JSONL":
            async for line in _lines(call, principal, given):
                if line.strip():
                    yield _checked(line)
        case "JSON":
            for item in _array(await _whole(call, principal, given), config.get("ItemsPointer")):
                yield item
        case "PARQUET":
            for item in _parquet(await _whole(call, principal, given)):
                yield item
        case "MANIFEST":
            async for item in _manifest(call, principal, given, config):
                yield item
        case _:
            raise Unreadable(f"The InputType {kind} is not supported.")


async def _pieces(call: Conversation, principal: Principal, given: Config) -> AsyncIterator[bytes]:
    version = {"VersionId": given["VersionId"]} if given.get("VersionId") else {}
    answer = await call.invoke("s3", "GetObject", as_principal=principal, Bucket=given["Bucket"],
                               Key=given["Key"], **version)
    body = answer["Body"]
    if isinstance(body, bytes):
        yield body
        return
    async for piece in body:
        yield piece


async def _whole(call: Conversation, principal: Principal, given: Config) -> bytes:
    body = b"".join([piece async for piece in _pieces(call, principal, given)])
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


async def _lines(call: Conversation, principal: Principal, given: Config) -> AsyncIterator[str]:
    """The lines of an object, with their ends."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    async for piece in _pieces(call, principal, given):
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        for line in lines:
            yield line + "\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


async def _rows(lines: AsyncIterator[str], config: Config) -> AsyncIterator[str]:
    """The rows of a CSV, each an object of texts; quotes may hold line breaks."""
    delimiter = _DELIMITERS.get(config.get("CSVDelimiter", "COMMA"), ",")
    header: list[str] | None = None
    if config.get("CSVHeaderLocation") == "GIVEN":
        header = list(config.get("CSVHeaders") or ())
    kept = ""
    async for line in lines:
        kept += line
        if kept.count('"') % 2:
            continue
        for row in csv.reader([kept.rstrip("\r\n")] if "\n" not in kept[:-1] else io.StringIO(kept),
                              delimiter=delimiter):
            if not row:
                continue
            if header is None:
                header = [name.strip() for name in row]
            else:
                cells = [*row, *[""] * (len(header) - len(row))]
                yield json_text(dict(zip(header, cells, strict=False)))
        kept = ""


def _checked(line: str) -> str:
    try:
        return json_text(json_value(line))
    except ValueError as error:
        raise Unreadable(f"A line is no JSON: {error}") from None


def _array(body: bytes, pointer: str | None) -> Iterator[str]:
    try:
        found = json_value(body)
        for name in (pointer or "").strip("/").split("/") if pointer else ():
            name = name.replace("~1", "/").replace("~0", "~")
            found = found[int(name) if isinstance(found, list) else name]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Unreadable(f"The object is no JSON with items{f' at {pointer}' if pointer else ''}: "
                         f"{error}") from None
    if isinstance(found, dict):
        found = [{"Key": key, "Value": value} for key, value in found.items()]
    if not isinstance(found, list):
        raise Unreadable("Attempting to map over non-iterable node.")
    return (json_text(item) for item in found)


def _parquet(body: bytes) -> Iterator[str]:
    try:
        from pyarrow import parquet  # optional: large, and few need it
    except ImportError:
        raise Unreadable("To read Parquet, cloudlet needs pyarrow: pip install pyarrow.") from None
    file = parquet.ParquetFile(io.BytesIO(body))
    for batch in file.iter_batches(batch_size=500):
        yield from (json_text(row) for row in batch.to_pylist())


async def _manifest(call: Conversation, principal: Principal, given: Config,
                    config: Config) -> AsyncIterator[str]:
    """The items of the files that a manifest names: of S3 Inventory, or a list that Athena writes."""
    if config.get("ManifestType") == "ATHENA_DATA":
        async for line in _lines(call, principal, given):
            bucket, _, key = line.strip().removeprefix("s3://").partition("/")
            if key:
                inner = {**config, "InputType": config.get("InputType") if config.get("InputType")
                         != "MANIFEST" else "CSV"}
                async for item in _contents(call, principal, {"Bucket": bucket, "Key": key}, inner):
                    yield item
        return
    try:
        said = json_value(await _whole(call, principal, given))
        header = [name.strip() for name in said["fileSchema"].split(",")]
        keys = [one["key"] for one in said["files"]]
        bucket = said["destinationBucket"].rpartition(":")[2]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"The object is no manifest of S3 Inventory: {error}") from None
    for key in keys:
        body = await _whole(call, principal, {"Bucket": bucket, "Key": key})
        for row in csv.reader(io.StringIO(body.decode("utf-8", "replace"))):
            if row:
                yield json_text(dict(zip(header, row, strict=False)))

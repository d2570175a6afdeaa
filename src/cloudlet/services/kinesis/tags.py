"""Tags of streams and consumers."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ...kernel import Call
from . import limits
from .errors import InvalidArgumentException
from .held import held
from .service import kinesis
from .stream import lookup, save, settings_of

_TEXT = re.compile(r"[\w\s.:/=+\-@]*")


@kinesis.operation
def add_tags_to_stream(call: Call, tags: dict[str, str], stream_name: str | None = None,
                       stream_arn: str | None = None) -> None:
    """Add tags to a stream, or change them."""
    call, stream = lookup(call, stream_name, stream_arn, "AddTagsToStream")
    settings = settings_of(stream)
    save(call, stream, replace(settings, tags=with_tags(call, stream.name, settings.tags, tags)))


@kinesis.operation
def remove_tags_from_stream(call: Call, tag_keys: list[str], stream_name: str | None = None,
                            stream_arn: str | None = None) -> None:
    """Remove tags; those that are not there are no error."""
    call, stream = lookup(call, stream_name, stream_arn, "RemoveTagsFromStream")
    settings = settings_of(stream)
    save(call, stream, replace(settings, tags=_without(settings.tags, tag_keys)))


@kinesis.operation
def list_tags_for_stream(call: Call, stream_name: str | None = None, stream_arn: str | None = None,
                         exclusive_start_tag_key: str | None = None, limit: int | None = None
                         ) -> dict[str, Any]:
    """The tags of a stream by key, page by page."""
    call, stream = lookup(call, stream_name, stream_arn, "ListTagsForStream")
    found = [tag for tag in _listed(settings_of(stream).tags) if tag["Key"] > (exclusive_start_tag_key or "")]
    most = limit or limits.TAGS
    return {"Tags": found[:most], "HasMoreTags": len(found) > most}


@kinesis.operation
def tag_resource(call: Call, resource_arn: str, tags: dict[str, str]) -> None:
    """Add tags to a stream or a consumer, or change them."""
    one = held(call, resource_arn, "TagResource")
    one.keep(tags=with_tags(one.call, one.name, one.own.tags, tags))


@kinesis.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Remove tags; those that are not there are no error."""
    one = held(call, resource_arn, "UntagResource")
    one.keep(tags=_without(one.own.tags, tag_keys))


@kinesis.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """All tags of a stream or a consumer, by key."""
    return {"Tags": _listed(held(call, resource_arn, "ListTagsForResource").own.tags)}


def with_tags(call: Call, name: str, known: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Tags with some more; an error if that are too many, or one is unsound."""
    if not all(_TEXT.fullmatch(text) for tag in more.items() for text in tag):
        raise InvalidArgumentException("Some tags contain invalid characters. Valid characters: Unicode "
                                       "letters, digits, white space, _ . : / = + - @.")
    found = {**known, **more}
    if len(found) > limits.TAGS:
        raise InvalidArgumentException(
            f"Failed to add tags to stream {name} under account {call.account} because a given stream cannot "
            f"have more than {limits.TAGS} tags associated with it.")
    return found


def _without(known: Mapping[str, str], keys: list[str]) -> dict[str, str]:
    return {key: value for key, value in known.items() if key not in keys}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]

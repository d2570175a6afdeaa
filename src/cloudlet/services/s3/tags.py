"""Tags, as headers and as documents spell them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from . import errors
from .limits import BUCKET_TAGS_LIMIT, TAG_KEY_LIMIT, TAG_VALUE_LIMIT, TAGS_LIMIT

TagSet = list[dict[str, str]]


def of_header(text: str | None) -> dict[str, str]:
    """The tags that a header spells, as a query string does."""
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise errors.InvalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded "
                                     "URL query "
                                     "parameters without tag name duplicates.",
                                     ArgumentName="x-amz-tagging", ArgumentValue=text)
    return _checked(dict(pairs), TAGS_LIMIT, "Object")


def of_document(tags: TagSet, *, bucket: bool = False) -> dict[str, str]:
    """The tags of a document."""
    found: dict[str, str] = {}
    for tag in tags:
        if tag["Key"] in found:
            raise errors.InvalidTag("Cannot provide multiple Tags with the same key", TagKey=tag["Key"])
        found[tag["Key"]] = tag["Value"] or ""
    return _checked(found, BUCKET_TAGS_LIMIT if bucket else TAGS_LIMIT, "Bucket" if bucket else "Object")


def document(tags: Mapping[str, str]) -> dict[str, Any]:
    """Tags as an answer shows them."""
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def _checked(tags: dict[str, str], limit: int, what: str) -> dict[str, str]:
    if len(tags) > limit:
        raise errors.BadRequest(f"{what} tags cannot be greater than {limit}")
    for key, value in tags.items():
        if not 1 <= len(key) <= TAG_KEY_LIMIT:
            raise errors.InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > TAG_VALUE_LIMIT:
            raise errors.InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key.lower().startswith("aws:"):
            raise errors.InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
    return tags

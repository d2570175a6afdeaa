"""Tags as documents spell them: those of an access point, which policies may ask about."""

from . import errors
from .limits import TAGS_LIMIT

TagList = list[dict[str, str]]


def of_list(tags: TagList) -> dict[str, str]:
    """The tags of a document."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if len(found) != len(tags):
        raise errors.InvalidTag("Cannot provide multiple Tags with the same key")
    return found


def shown(tags: dict[str, str]) -> TagList:
    """Tags as an answer shows them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def checked(tags: dict[str, str]) -> dict[str, str]:
    """The tags, if a thing may have them."""
    if len(tags) > TAGS_LIMIT:
        raise errors.InvalidTag(f"Tags cannot be greater than {TAGS_LIMIT}")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise errors.InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
    return tags

"""Tags of pipes."""

from ...errors import ValidationException
from ...kernel import Call
from . import limits
from .errors import NotFoundException
from .records import Config, Pipe, find, pipes
from .service import pipes_


@pipes_.operation
def tag_resource(call: Call, resource_arn: str, tags: dict[str, str]) -> Config:
    """Add tags to a pipe, or change them."""
    pipe = _pipe(call, resource_arn)
    pipe.tags = checked(pipe.tags, tags)
    pipes.put(call, pipe.name, record=pipe)
    return {}


@pipes_.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> Config:
    """Remove tags; those that are not there are no error."""
    pipe = _pipe(call, resource_arn)
    pipe.tags = {key: value for key, value in pipe.tags.items() if key not in tag_keys}
    pipes.put(call, pipe.name, record=pipe)
    return {}


@pipes_.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> Config:
    """The tags of a pipe."""
    return {"tags": _pipe(call, resource_arn).tags}


def checked(had: dict[str, str], tags: dict[str, str]) -> dict[str, str]:
    """Tags with more of them, if they may be and are not too many."""
    found = had | tags
    if any(key.lower().startswith("aws:") for key in tags):
        raise ValidationException("Tag keys can't start with aws:.")
    if len(found) > limits.TAGS:
        raise ValidationException(f"A pipe can have at most {limits.TAGS} tags.")
    return found


def _pipe(call: Call, arn: str) -> Pipe:
    pipe = find(call, arn.rpartition("/")[2])
    if pipe.arn != arn:
        raise NotFoundException(f"{arn} does not exist.")
    return pipe

"""A template's text as plain values, with the line on which each of them stands.

YAML's short forms (``!Ref x``) become the long ones, so everything after this knows one form. Lines are
kept beside the values, by path, because a message that names the line is worth more than any other.

>>> document = load("Resources:\\n  Orders:\\n    Type: AWS::SQS::Queue\\n")
>>> document.body, document.line("Resources", "Orders")
({'Resources': {'Orders': {'Type': 'AWS::SQS::Queue'}}}, 2)
"""

import json
import re
from typing import Any

import msgspec
import yaml

from ..errors import ValidationError

Path = tuple[str | int, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 200_000  # aliases can make a small text into a very large value
_PLAIN_TAGS = {"!Ref": "Ref", "!Condition": "Condition"}
_FUNCTIONS = frozenset(
    (
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "RefAll",
        "ValueOf",
        "ValueOfAll",
    )
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Document(msgspec.Struct):
    """Plain values, and where they stand. ``text`` is there to find lines when they are needed."""

    body: dict[str, Any]
    lines: dict[Path, int] = {}
    text: str = ""

    def line(self, *path: str | int) -> int:
        """The line of the value under ``path``, or of the nearest thing around it; 0 if unknown."""
        if self.text and not self.lines:
            self.lines = _lines_of(self.text)
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found:
                return found
        return 0


def load(text: str) -> Document:
    """Read a template in JSON or YAML; a :class:`ValidationError` says where it is not well-formed."""
    try:
        return _load(text)
    except RecursionError:
        reason = "the template is nested too deeply, or in itself."
        raise ValidationError(f"Template format error: {reason}") from None


def _load(text: str) -> Document:
    if text.lstrip()[:1] == "{":
        try:
            return _whole(Document(json.loads(text), text=text))
        except json.JSONDecodeError as error:
            if text.lstrip()[1:].lstrip()[:1] in ('"', "}"):  # else it is YAML's own use of braces
                where = f"(line {error.lineno}, column {error.colno})"
                raise ValidationError(f"Template format error: JSON not well-formed. {where}") from None
    builder = _Builder()
    return _whole(Document(builder.build(_compose(text), ()), builder.lines))


def refusal(message: str, line: int = 0) -> ValidationError:
    """AWS's message, and the line it is about."""
    return ValidationError(f"{message} (line {line})" if line else message)


def text_of(value: object) -> str:
    """A scalar as CloudFormation writes it: booleans in lower case, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _whole(document: Document) -> Document:
    if not isinstance(document.body, dict):
        raise ValidationError("Template format error: unsupported structure.")
    return document


def _compose(text: str) -> yaml.Node:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValidationError(f"Template format error: YAML not well-formed.{where}") from None
    except yaml.YAMLError as error:
        raise ValidationError(f"Template format error: YAML not well-formed. ({error})") from None
    if node is None:
        raise ValidationError("Template format error: unsupported structure.")
    return node


def _lines_of(text: str) -> dict[Path, int]:
    """The lines of a JSON text. Every JSON text is YAML but for tabs and pairs of surrogates."""
    builder = _Builder()
    try:
        builder.build(_compose(_SURROGATE.sub("xxxxxx", text.replace("\t", " "))), ())
    except ValidationError:
        return {(): 1}
    return builder.lines


class _Builder:
    """Values from YAML's nodes; dates stay texts, and keys are texts always."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._loader = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, path: Path) -> Any:
        """The value of ``node``, which stands under ``path``."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > _MOST_NODES:
            raise ValidationError("Template format error: the template has too many values.")
        function = self._function(node)
        if function:
            self.lines[*path, function] = node.start_mark.line + 1
            return {function: self._argument(function, node, (*path, function))}
        return self._value(node, path)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            found = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise refusal("Template format error: a key must be a text.", key.start_mark.line + 1)
                self.lines[*path, key.value] = key.start_mark.line + 1
                found[key.value] = self.build(value, (*path, key.value))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, n)) for n, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"):
            try:
                return self._loader.construct_object(node)
            except (ValueError, yaml.YAMLError):
                return node.value
        return None if node.tag == "tag:yaml.org,2002:null" else node.value

    def _function(self, node: yaml.Node) -> str:
        tag = node.tag
        if tag.startswith("tag:yaml.org,2002:") or tag == "!":
            return ""
        if tag in _PLAIN_TAGS:
            return _PLAIN_TAGS[tag]
        name = tag[1:]
        if name not in _FUNCTIONS:
            raise refusal(f"Template format error: unknown tag {tag}", node.start_mark.line + 1)
        return f"Fn::{name}"

    def _argument(self, function: str, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.ScalarNode):
            if function == "Fn::GetAtt":
                return node.value.split(".", 1)
            return node.value
        return self._value(node, path)

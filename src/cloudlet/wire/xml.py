"""XML and Python values, by shape: shared by the query and REST-XML protocols."""

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from ..errors import AwsError
from .shapes import Member, Shape
from .values import read_text, write_text

_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # not in any XML document
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class MalformedXML(AwsError):
    """The XML you provided was not well-formed or did not validate against our published schema"""


def load(body: bytes) -> Element:
    """The root of a document; declarations of types and entities are refused."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise MalformedXML
    try:
        return fromstring(body)
    except (ParseError, ValueError, LookupError):
        raise MalformedXML from None


def dump(root: Element) -> bytes:
    """A document as bytes: in UTF-8, as not every client can read characters that are spelled as numbers.

    Carriage returns are, as XML wants it: a bare one is read as a line feed.
    """
    text: bytes = tostring(root, "utf-8")
    return _HEAD + text.replace(b"\r", b"&#13;")


def read(node: Element, member: Member) -> Any:
    """The value that ``node`` spells."""
    shape = member.shape
    match shape.type:
        case "structure":
            return read_members(node, shape)
        case "list" if shape.item:
            return [read(child, shape.item) for child in node]
        case "map":
            return dict(_read_entry(entry, shape) for entry in node)
    return read_text(node.text or "", member)


def read_members(node: Element, shape: Shape) -> dict[str, Any]:
    """The members of a structure, flattened lists and attributes included."""
    found: dict[str, Any] = {}
    children: dict[str, list[Element]] = {}
    for child in node:
        children.setdefault(_local(child.tag), []).append(child)
    for name, member in shape.members.items():
        if member.attribute:
            local = member.wire.rpartition(":")[2]
            value = next((v for k, v in node.attrib.items() if _local(k) == local), None)
            if value is not None:
                found[name] = value
            continue
        nodes = children.get(member.wire)
        if not nodes:
            continue
        if member.flattened and member.shape.item:
            found[name] = [read(child, member.shape.item) for child in nodes]
        elif member.flattened and member.type == "map":
            found[name] = dict(_read_entry(child, member.shape) for child in nodes)
        else:
            found[name] = read(nodes[0], member)
    return found


def write(parent: Element, name: str, value: Any, member: Member, timestamps: str = "iso8601") -> None:
    """Append ``value`` to ``parent`` under ``name``."""
    shape = member.shape
    if shape.type == "structure":
        node = SubElement(parent, name)
        write_members(node, value, shape, member, timestamps)
    elif shape.type == "list" and shape.item:
        home = parent if member.flattened else SubElement(parent, name)
        wire = shape.item.named or (name if member.flattened else "member")
        for item in value:
            write(home, wire, item, shape.item, timestamps)
    elif shape.type == "map" and shape.key and shape.value:
        home = parent if member.flattened else SubElement(parent, name)
        for key, item in value.items():
            entry = SubElement(home, name if member.flattened else "entry")
            write(entry, shape.key.named or "key", key, shape.key, timestamps)
            write(entry, shape.value.named or "value", item, shape.value, timestamps)
    else:
        SubElement(parent, name).text = speakable(write_text(value, member, timestamps))


def write_members(node: Element, value: dict[str, Any], shape: Shape, place: Member | None = None,
                  timestamps: str = "iso8601") -> None:
    """Append the members of a structure that belong to the body."""
    for name, item in value.items():
        member = shape.members[name]
        if item is None or member.location is not None:
            continue
        if member.attribute:
            prefix, _, local = member.wire.rpartition(":")
            space = (place and place.namespace) or shape.spec.get("xmlNamespace") or {}
            node.set(f"{{{space.get('uri', '')}}}{local}" if prefix else local, str(item))
        else:
            write(node, member.wire, item, member, timestamps)


def speakable(text: str) -> str:
    """``text`` without what XML can't say; it would make the document unreadable."""
    return _UNSPEAKABLE.sub("\ufffd", text)


def _read_entry(entry: Element, shape: Shape) -> tuple[str, Any]:
    assert shape.key and shape.value
    nodes = {_local(child.tag): child for child in entry}
    try:
        key, value = nodes[shape.key.named or "key"], nodes[shape.value.named or "value"]
    except KeyError:
        raise MalformedXML from None
    return key.text or "", read(value, shape.value)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]

"""The query protocol: a form comes in, XML goes out."""

from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, SubElement

from ..errors import AwsError, SerializationException
from . import xml
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member, Shape
from .values import read_text

Node = dict[str, Any]  # the form as a tree: "A.b.1=x" is {"A": {"b": {"1": {"": "x"}}}}
_DEEPEST = 64


def form(request: Request) -> dict[str, str]:
    """The fields of a form post; what the query string says counts too."""
    fields = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.method != "GET":
        fields.update(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return fields


def operation_name(request: Request, model: ServiceModel) -> str:
    """The ``Action`` of the form."""
    return form(request).get("Action", "")


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    member = spec.service.in_forms.operation(spec.name).input
    if member is None:
        return {}
    found = _read_members(_tree(form(request)), member.shape)
    by_path = spec.service.dialect.path_member
    if by_path in member.shape.members and request.path != "/":
        found.setdefault(by_path, request.path)
    return found


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    root = Element(f"{spec.name}Response", xmlns=_namespace(spec.service))
    output = spec.service.in_forms.operation(spec.name).output
    if output:
        xml.write_members(SubElement(root, spec.result_wrapper), result, output.shape)
    SubElement(SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return Response(200, {"content-type": "text/xml", "x-amzn-requestid": request_id}, xml.dump(root))


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    root = Element("ErrorResponse", xmlns=_namespace(model))
    fault = SubElement(root, "Error")
    blame = "Sender" if spec.status < 500 else "Receiver"
    for name, text in (("Type", blame), ("Code", spec.code), ("Message", str(error))):
        SubElement(fault, name).text = xml.speakable(text)
    if spec.shape:
        xml.write_members(fault, error.members, spec.shape)
    SubElement(root, "RequestId").text = request_id
    return Response(spec.status, {"content-type": "text/xml", "x-amzn-requestid": request_id}, xml.dump(root))


def _namespace(model: ServiceModel) -> str:
    return str(model.metadata.get("xmlNamespace") or model.dialect.namespace)


def _tree(fields: dict[str, str]) -> Node:
    root: Node = {}
    for path, text in fields.items():
        node = root
        steps = path.split(".", _DEEPEST)
        if "" in steps:  # the field of a client that means something else by dots
            continue
        for step in steps:
            node = node.setdefault(step, {})
        node[""] = text
    return root


def _read_members(node: Node, shape: Shape) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = member.wire
        if member.flattened and member.shape.item and member.shape.item.named:
            wire = member.shape.item.named
        if wire in node:
            found[name] = _read(node[wire], member)
    return found


def _read(node: Node, member: Member) -> Any:
    shape = member.shape
    match shape.type:
        case "structure":
            return _read_members(node, shape)
        case "list" if shape.item:
            home = node if member.flattened else node.get(shape.item.named or "member", {})
            return [_read(child, shape.item) for child in _numbered(home)]
        case "map" if shape.key and shape.value:
            home = node if member.flattened else node.get("entry", {})
            return dict(_read_entry(child, shape.key, shape.value) for child in _numbered(home))
    if "" not in node:
        raise SerializationException(f"Unexpected structure for {member.wire or 'a scalar'}")
    return read_text(node[""], member)


def _read_entry(node: Node, key: Member, value: Member) -> tuple[str, Any]:
    try:
        return node[key.named or "key"][""], _read(node[value.named or "value"], value)
    except KeyError:
        raise SerializationException("A map entry needs both a key and a value") from None


def _numbered(node: Node) -> list[Node]:
    return [node[n] for n in sorted((n for n in node if n.isascii() and n.isdigit()), key=int)]

"""REST-XML: S3, Route 53 and CloudFront."""

import base64
import hashlib
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, SubElement

from ..errors import AwsError, SerializationException
from . import rest, xml
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member

operation_name = rest.operation_name


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    unreadable = spec.service.dialect.unreadable

    def body(raw: bytes, member: Member) -> Any:
        try:
            return xml.read(xml.load(raw), member)
        except SerializationException as error:
            raise (unreadable("body", str(error)) if unreadable else error) from None

    if unreadable and "%" in request.path and not _is_text(request.path):
        raise unreadable("path", "The path is not UTF-8.")
    if spec.service.dialect.headers:
        spec.service.dialect.headers(spec.name, request.headers)
    try:
        if "content-md5" in request.headers and not spec.streams_in and not _is_intact(request):
            error = SerializationException("The body is not what its Content-MD5 says.")
            raise unreadable("digest", str(error)) if unreadable else error
        if spec.service.dialect.intact and not spec.streams_in:
            spec.service.dialect.intact(spec.name, request)
        return rest.parse(request, spec, body)
    except SerializationException as error:
        raise (unreadable("request", str(error)) if unreadable else error) from None


def _is_text(path: str) -> bool:
    """Whether what is quoted in a path is UTF-8."""
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_intact(request: Request) -> bool:
    """Whether the body is what its Content-MD5 says."""
    digest = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    return request.headers["content-md5"].strip() == digest


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    dialect = spec.service.dialect

    def body(value: Any, member: Member) -> bytes:
        name = dialect.roots.get(spec.name) or member.named or member.shape.spec.get("locationName")
        root = Element(name or (f"{spec.name}Result" if member is spec.output else member.shape.name))
        space = (member.namespace or {}).get("uri") or dialect.namespace
        if space:
            root.set("xmlns", space)
        if spec.name in dialect.unwrapped:
            root.text = next((str(item) for item in value.values() if item), None)
        elif member.shape.item:
            item = member.shape.item
            for each in value:
                xml.write(root, item.named or "member", each, item, dialect.timestamps)
        else:
            xml.write_members(root, value, member.shape, member, dialect.timestamps)
        return xml.dump(root)

    response = rest.bind(result, spec, body, "application/xml")
    response.headers[dialect.request_id_header] = request_id
    if dialect.status:
        response.status = dialect.status(spec.name, result) or response.status
    return response


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    fault = Element("Error")
    texts = [("Code", spec.code), ("Message", str(error))]
    if not model.dialect.bare_errors:
        texts.insert(0, ("Type", "Sender" if spec.status < 500 else "Receiver"))
    texts += [(name, str(value)) for name, value in error.members.items() if value is not None]
    for name, text in texts:
        SubElement(fault, name).text = xml.speakable(text)
    if model.dialect.bare_errors:
        root = fault
    else:
        root = Element("ErrorResponse", xmlns=model.dialect.namespace)
        root.append(fault)
    SubElement(root, "RequestId").text = request_id
    headers: dict[str, str | list[str]] = {"content-type": "application/xml", **error.headers,
                                           model.dialect.request_id_header: request_id}
    return Response(spec.status, headers, xml.dump(root))

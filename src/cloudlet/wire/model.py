"""botocore's descriptions of AWS's services, without botocore's loader.

The JSON that botocore ships is read once, stripped of its prose and kept as MessagePack in the
user's cache; shapes are built when they are first asked for. Loading DynamoDB takes 4 ms this
way, against 619 ms through botocore.
"""

import gzip
import os
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ..errors import AwsError
from .http import Request
from .shapes import Member, Shape

_FORMAT = "3"  # of the cache; raise it when ``_strip`` changes
_PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "rest-json", "rest-xml", "query", "ec2")


class ErrorSpec(msgspec.Struct, frozen=True):
    """How an error goes over the wire."""

    status: int
    code: str
    shape: Shape | None = None


class Dialect(msgspec.Struct, frozen=True):
    """How a service's XML departs from what its model says."""

    roots: dict[str, str] = {}  # the name of an operation's root element
    unwrapped: frozenset[str] = frozenset()  # operations whose root holds the one member's text
    namespace: str = ""
    bare_errors: bool = False
    request_id_header: str = "x-amzn-requestid"
    timestamps: str = "iso8601"  # how XML spells them where the model does not say; see write_timestamp
    # what a service that moved from forms to JSON lost in its model:
    names: dict[str, str] = {}  # "Shape.Member" (or .key, .value, .member): its name in forms and XML
    error_codes: dict[str, str] = {}  # an error's code on the wire
    path_member: str = ""  # the member that the path of a form stands for
    # the status of a result that differs from the model's: by operation and result, None to keep it
    status: Callable[[str, Mapping[str, Any]], int | None] | None = None
    # the error for what can't be read: by where it stands ("body", "request", "digest") and what is wrong
    unreadable: Callable[[str, str], AwsError] | None = None
    # raises where an operation does not take one of the request's headers, though no member stands for it
    headers: Callable[[str, Mapping[str, str]], None] | None = None
    # raises where a document is not what the request says of it, beside its Content-MD5
    intact: Callable[[str, Request], None] | None = None


class OperationModel:
    """What one operation takes and gives, and where it lives."""

    def __init__(self, service: "ServiceModel", name: str, spec: dict[str, Any]) -> None:
        self.service, self.name = service, name
        http = spec.get("http", {})
        self.method: str = http.get("method", "POST")
        self.path, _, query = http.get("requestUri", "/").partition("?")
        self.literals: tuple[tuple[str, str], ...] = tuple(parse_qsl(query, keep_blank_values=True))
        self.status: int = http.get("responseCode", 200)
        self.deprecated: bool = spec.get("deprecated", False)
        self.authtype: str = spec.get("authtype", "")
        self.input = service.member(spec["input"]) if "input" in spec else None
        self.output = service.member(spec["output"]) if "output" in spec else None
        self.result_wrapper: str = spec.get("output", {}).get("resultWrapper", f"{name}Result")
        self.streams_in = _streaming(self.input)
        self.streams_out = _streaming(self.output)
        self.events_out = frozenset(name for name, member in (self.output.shape.members if self.output else {}
                                                              ).items() if member.shape.eventstream)

    def __repr__(self) -> str:
        return f"<{self.service.name}.{self.name}>"


class ServiceModel:
    """One service: its protocols, operations and shapes, each built when first needed."""

    def __init__(self, name: str, spec: dict[str, Any]) -> None:
        self.name = name
        self.metadata: dict[str, Any] = spec["metadata"]
        listed = self.metadata.get("protocols") or [self.metadata["protocol"]]
        self.protocols: tuple[str, ...] = tuple(p for p in _PROTOCOLS if p in listed)
        self.operation_names: tuple[str, ...] = tuple(spec["operations"])
        self._operations, self._shapes = spec["operations"], spec["shapes"]
        self.dialect = Dialect()
        self._built: dict[str, Shape] = {}
        self._ready: dict[str, OperationModel] = {}
        self._errors: dict[str, ErrorSpec] = {}
        self._twin: ServiceModel | None = None

    @property
    def signing_name(self) -> str:
        """The service in a signature's scope."""
        return str(self.metadata.get("signingName", self.metadata["endpointPrefix"]))

    def operation(self, name: str) -> OperationModel:
        """The operation called ``name``; KeyError if there is none."""
        if name not in self._ready:
            self._ready[name] = OperationModel(self, name, self._operations[name])
        return self._ready[name]

    def shape(self, name: str) -> Shape:
        """The shape called ``name``."""
        shape = self._built.get(name)
        if shape is None:
            shape = self._built[name] = Shape(name, self._shapes[name])
            shape.link(self._shapes[name], self)
        return shape

    def member(self, ref: dict[str, Any], name: str = "") -> Member:
        """What a reference in the model stands for."""
        return Member(name, self.shape(ref["shape"]), self._shapes[ref["shape"]], ref)

    def error(self, name: str, status: int) -> ErrorSpec:
        """Status and code of the error called ``name``: the model's where it knows it."""
        found = self._errors.get(name)
        if found is None:
            spec = self._shapes.get(name, {})
            if not spec.get("exception"):
                found = ErrorSpec(status, self.dialect.error_codes.get(name, name))
            else:
                error = spec.get("error", {})
                default = 500 if spec.get("fault") else status
                found = ErrorSpec(
                    error.get("httpStatusCode", default),
                    error.get("code") or self.dialect.error_codes.get(name, name),
                    self.shape(name),
                )
            self._errors[name] = found
        return found

    @property
    def in_forms(self) -> "ServiceModel":
        """This model under the names that its dialect has for forms; itself where it has none."""
        if not self.dialect.names:
            return self
        if self._twin is None:
            self._twin = self._renamed(self.dialect.names)
        return self._twin

    def _renamed(self, names: dict[str, str]) -> "ServiceModel":
        shapes = dict(self._shapes)
        for path, name in names.items():
            shape, _, part = path.partition(".")
            spec = shapes[shape]
            if part in spec:
                shapes[shape] = spec | {part: spec[part] | {"locationName": name}}
            else:
                member = spec["members"][part] | {"locationName": name}
                shapes[shape] = spec | {"members": spec["members"] | {part: member}}
        return ServiceModel(
            self.name, {"metadata": self.metadata, "operations": self._operations, "shapes": shapes}
        )

    @cached_property
    def error_names(self) -> frozenset[str]:
        """The errors that the model declares."""
        return frozenset(name for name, spec in self._shapes.items() if spec.get("exception"))


@cache
def load(service: str) -> ServiceModel:
    """The model that botocore ships for ``service`` (botocore's own name for it)."""
    return ServiceModel(service, _read(service))


@cache
def metadata(service: str) -> dict[str, Any]:
    """What the model says of ``service`` as a whole; quick, for the rest is not read."""
    kept = _cache_home() / f"{service}.metadata.msgpack"
    try:
        return msgspec.msgpack.decode(kept.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        found = load(service).metadata
        _keep(kept, msgspec.msgpack.encode(found))
        return found


@cache
def botocore_home() -> Path:
    """Where botocore is installed; found without importing it."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise RuntimeError("botocore is not installed; run: pip install boto3")
    return Path(spec.origin).parent


@cache
def _cache_home() -> Path:
    text = (botocore_home() / "__init__.py").read_text()
    found = re.search(r"__version__ = ['\"]([^'\"]+)", text)
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "cloudlet" / f"models-{found[1] if found else 'unknown'}-{_FORMAT}"


def _read(service: str) -> dict[str, Any]:
    kept = _cache_home() / f"{service}.msgpack"
    try:
        return msgspec.msgpack.decode(kept.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        pass
    folder = botocore_home() / "data" / service
    version = max(path.name for path in folder.iterdir() if path.is_dir())
    packed = folder / version / "service-2.json.gz"
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else packed.with_suffix("").read_bytes()
    spec: dict[str, Any] = _strip(msgspec.json.decode(raw))
    _keep(kept, msgspec.msgpack.encode(spec))
    return spec


def _keep(path: Path, content: bytes) -> None:
    """Write to the cache if that can be done; a cache that can't be written is no error."""
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True) if beside.parent.exists() else None


def _strip(spec: Any) -> Any:
    """The model without prose, examples and client-side matters."""
    keep = {"metadata", "operations", "shapes"}
    drop = {"documentation", "documentationUrl", "endpoint", "endpointdiscovery", "staticContextParams"}

    def strip(node: Any, named: bool = False) -> Any:
        if isinstance(node, list):
            return [strip(item) for item in node]
        if not isinstance(node, dict):
            return node
        # a member may itself be called "documentation": names are kept, traits are dropped
        return {key: strip(value, key in ("members", "operations", "shapes") and not named)
                for key, value in node.items() if named or key not in drop}

    return strip({key: value for key, value in spec.items() if key in keep})


def _streaming(member: Member | None) -> bool:
    """Whether a body goes through unread: a blob marked as streaming."""
    if member is None or member.shape.payload is None:
        return False
    payload = member.shape.members[member.shape.payload]
    return payload.streaming or payload.shape.streaming

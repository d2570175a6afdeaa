"""Which service a request is for.

A target header and a signature say it; a form names an action; a host name may. What remains is for
S3, whose objects are fetched by anyone who knows their URL.
"""

import re
from collections import defaultdict
from functools import cached_property
from urllib.parse import parse_qs

from ..errors import UnknownOperationException
from ..identity.signature import Signed
from ..kernel import Services
from ..kernel.sender import Sender
from ..wire import protocols
from ..wire.http import Request

_BUCKET_HOST = re.compile(
    r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9-]+)*\.(?:localhost|amazonaws\.com|localhost\.[a-z.]+)"
)
# what an SDK makes of the endpoint http://localhost; S3's own names there have no bucket before them
_LOCAL_BUCKET_HOST = re.compile(r"(?!s3[.-])(?!s3\.localhost)(?P<bucket>[a-z0-9.-]+)\.localhost")
_LAST = "s3"
_CONTROL, _ACCOUNT = "s3control", "x-amz-account-id"  # signs as S3 does, and alone says this header


class Router:
    """Finds services by what requests say."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def service_of(self, request: Request, signed: Signed | None) -> str:
        """Botocore's name of the service."""
        target = request.headers.get("x-amz-target", "").rpartition(".")[0]
        if not target and request.headers.get("smithy-protocol"):
            target = request.path.removeprefix("/service/").partition("/")[0]
        if target:
            return self._by_target(target)
        if signed and signed.service:
            return self._by_signature(request, signed.service)
        action, version = _action(request)
        if action:
            return self._by_action(action, version)
        first = request.host.partition(".")[0]
        if first in self._services.names and first != request.host:
            return first
        return self._by_path(request)

    @cached_property
    def _targets(self) -> dict[str, str]:
        return {metadata["targetPrefix"]: name for name, metadata in self._services.metadata.items()
                if "targetPrefix" in metadata}

    @cached_property
    def _signers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, metadata in self._services.metadata.items():
            for signer in {metadata.get("signingName"), metadata["endpointPrefix"], name} - {None}:
                found[str(signer)].append(name)
        return dict(found)

    def _by_target(self, target: str) -> str:
        try:
            return self._targets[target]
        except KeyError:
            raise UnknownOperationException(f"cloudlet has no service for the target {target!r}. "
                                            f"It has: {', '.join(self._services.names)}.") from None

    def _by_signature(self, request: Request, signer: str) -> str:
        if signer == _LAST and _LAST in self._services.names:
            return _CONTROL if _ACCOUNT in request.headers and _CONTROL in self._services.names else _LAST
        names = self._signers.get(signer, [])
        if not names:
            raise UnknownOperationException(f"cloudlet has no service {signer!r}. "
                                            f"It has: {', '.join(self._services.names)}.")
        for name in names[:-1] if len(names) > 1 else ():
            model = self._services[name].model
            if protocols.wire_of(request, model).operation_name(request, model) in model.operation_names:
                return name
        return names[-1]

    def _by_action(self, action: str, version: str) -> str:
        for name, metadata in self._services.metadata.items():
            if version and metadata.get("apiVersion") != version:
                continue
            speaks = metadata.get("protocol") in ("query", "ec2") or "awsQueryCompatible" in metadata
            if speaks and action in self._services[name].model.operation_names:
                return name
        raise UnknownOperationException(f"No service here has an action {action!r}.")

    def _by_path(self, request: Request) -> str:
        if _LAST in self._services.names:
            return _LAST
        raise UnknownOperationException(f"No service here answers {request.method} {request.path} unsigned.")


def with_bucket_in_path(request: Request) -> Request:
    """A request that names its bucket in the host, as one that names it in the path."""
    match = _BUCKET_HOST.fullmatch(request.host) or _LOCAL_BUCKET_HOST.fullmatch(request.host)
    if match:
        request.path = f"/{match['bucket']}{request.path}"
    return request


def sender_of(request: Request) -> Sender:
    """How the request came in, for policies that ask."""
    said = request.headers.get
    return Sender(request.peer, said("referer", ""), said("user-agent", ""))


def _action(request: Request) -> tuple[str, str]:
    text = request.query
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        text += "&" + request.body.decode("utf-8", "replace")
    if "Action=" not in text:
        return "", ""
    fields = parse_qs(text)
    return fields.get("Action", [""])[0], fields.get("Version", [""])[0]

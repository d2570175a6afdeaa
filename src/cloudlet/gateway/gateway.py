"""From a request to its answer: who signed it, which service is it for, which operation?"""

import json
import logging
import zlib
from collections.abc import Awaitable, Callable

from ..errors import AccessDeniedException, AwsError, InternalFailure, ServiceUnavailable
from ..identity import ANONYMOUS, Principal
from ..identity.signature import Signed, claim_of
from ..kernel import Kernel, Service
from ..kernel.faults import AnswerLost
from ..kernel.front import Front
from ..kernel.visitors import Visitors
from ..kernel.witnesses import Heard, Witnesses
from ..store import StoreError
from ..telemetry import Trace
from ..wire import awsjson, eventstream, protocols
from ..wire.http import Request, Response
from ..wire.model import OperationModel
from .authentication import Authenticator
from .bodies import read_form, read_whole, unwrap
from .browsers import Browsers
from .compression import chosen, compress
from .cors import Cors
from .lines import Lines
from .refusals import RequestHeaderSectionTooLarge
from .routing import Router, sender_of, with_bucket_in_path
from .sites import Sites

log = logging.getLogger(__name__)
Control = Callable[[Request], Awaitable[Response]]
_REGION = "us-east-1"


class Gateway:
    """Answers requests: the cloudlet's own, visitors' of sites, and clients' of AWS's API."""

    def __init__(self, kernel: Kernel, control: Control) -> None:
        self._kernel, self._control = kernel, control
        self._router, self._sites = Router(kernel.services), Sites(kernel)
        self._authenticator, self._cors = Authenticator(kernel), Cors()
        self._browsers = Browsers(kernel, self._router)
        self.lines = Lines(kernel, self._authenticator)
        kernel.provide(Visitors(self._authenticator.visitor_of))
        self._witnesses = Witnesses()
        kernel.provide(self._witnesses)

    async def handle(self, request: Request) -> Response:
        """Answer one request; whatever goes wrong becomes an answer too."""
        try:
            await read_form(request)
            site = self._sites.find(request)
            if site is not None:
                return await site(request)
            answer, allowed = await self._browsers.origin(request)
            if answer is None and allowed is None:
                answer = self._cors.refusal(request)
            if answer is not None:
                return answer
            if request.path.startswith("/_cloudlet/"):
                response = await self._control(request)
            else:
                response = (await self.lines.answer(request) or await self._browsers.form(request)
                            or await self._serve(request))
            if allowed is None:
                return self._cors.allow(request, response)
            response.headers.update(allowed)
            return response
        except ConnectionError:
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path, exc_info=error)
            return Response(500, {"content-type": "application/json"}, b'{"message":"Internal Server Error"}')

    async def _serve(self, request: Request) -> Response:
        """AWS's API: answer, and let the service hear of it that wants to."""
        heard = Heard(self._kernel.ids.uuid(), request, self._kernel.clock.now_ms())
        self._witnesses.begin(heard)
        try:
            response = await self._answer(request, heard)
        finally:
            self._witnesses.end(heard)
        if heard.notes:
            await self._tell(heard, response)
        return response

    async def _tell(self, heard: Heard, response: Response) -> None:
        """Whatever becomes of that, the answer stands."""
        hears = self._kernel.services[heard.service].hears
        assert hears, "a service that has no witness has noted something"
        principal = heard.principal
        try:
            await hears(self._kernel.conversation(principal, heard.service, account=account_of(principal)),
                        heard, response)
        except Exception:
            log.exception("what %s should have heard of %s is lost", heard.service, heard.id)

    async def _answer(self, request: Request, heard: Heard) -> Response:
        """Parse, invoke, render."""
        request_id = heard.id
        signed = claim_of(request)
        service: Service | None = None
        wire: protocols.Wire = awsjson
        try:
            name = self._router.service_of(request, signed)
            service = self._kernel.services[name]
            wire = protocols.wire_of(request, service.model)
            if request.head > service.front.head:
                raise RequestHeaderSectionTooLarge
            principal = await self._authenticator.principal_of(request, signed, name)
            spec, params = await self._read(request, wire, service)
            heard.service, heard.operation, heard.params, heard.principal = name, spec.name, params, principal
            heard.signed, heard.presigned = signed is not None, bool(signed and signed.presigned)
            heard.algorithm = signed.algorithm if signed else ""
            result = await self._kernel.invoke(
                principal, name, spec.name, params, account=account_of(principal),
                region=signed.region if signed and signed.region else _REGION,
                trace=Trace.parse(request.headers.get("x-amzn-trace-id", "")), id=request_id,
                sender=sender_of(request), as_json=wire is awsjson)
            heard.result = result
            if spec.events_out:
                plain = {name: value for name, value in result.items() if name not in spec.events_out}
                head = wire.render(plain, spec, request_id)
                response = eventstream.render(result, spec, service.model.protocols[0], head)
            else:
                response = wire.render(result, spec, request_id)
        except AnswerLost as lost:
            raise ConnectionResetError(str(lost)) from None
        except AwsError as error:
            heard.error = error
            response = self._refuse(error, service, wire, request, request_id)
        except StoreError as error:  # before the kernel had it
            response = self._refuse(ServiceUnavailable(str(error)), service, wire, request, request_id)
        if service is not None:
            await _dress(response, request, service.front)
        return response

    async def _read(self, request: Request, wire: protocols.Wire,
                    service: Service) -> tuple[OperationModel, dict[str, object]]:
        model, limit = service.model, service.front.body
        if model.name == "s3":
            with_bucket_in_path(request)
        await unwrap(request, limit)
        if model.protocols[0].startswith("rest"):
            spec = protocols.operation_of(wire, request, model)
            if not spec.streams_in:
                await read_whole(request, limit)
        else:
            await read_whole(request, limit)
            spec = protocols.operation_of(wire, request, model)
        return spec, wire.parse(request, spec)

    def _refuse(self, error: AwsError, service: Service | None, wire: protocols.Wire, request: Request,
                request_id: str) -> Response:
        if service is None:
            body = json.dumps({"__type": error.code, "message": str(error)}).encode()
            return Response(error.status, {"content-type": "application/json", "x-amzn-errortype": error.code,
                                           "x-amzn-requestid": request_id}, body)
        try:
            return wire.render_error(error, service.model, request_id)
        except Exception:
            log.exception("the error %s could not be rendered", error.code)
            return wire.render_error(InternalFailure(), service.model, request_id)


async def _dress(response: Response, request: Request, front: Front) -> None:
    """Send the answer as the service sends its own."""
    if front.server:
        response.headers["server"] = front.server
    if (front.compressed is not None and isinstance(response.body, bytes)
            and len(response.body) >= front.compressed):
        encoding = chosen(request.headers.get("accept-encoding", ""))
        if encoding:
            await compress(response, encoding)
    if front.crc32 and isinstance(response.body, bytes):
        response.headers["x-amz-crc32"] = str(zlib.crc32(response.body))


def account_of(principal: Principal) -> str:
    """Where a principal's requests land; nobody's go to the default account."""
    return "000000000000" if principal is ANONYMOUS else principal.account


__all__ = ["AccessDeniedException", "Gateway", "Signed"]

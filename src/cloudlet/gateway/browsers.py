"""Browsers at a service's own door: forms that are no operation, and pages that a service itself lets in.

S3 is the one that has both: a bucket says which origins may call it, and takes files from forms.
"""

from copy import copy

from ..errors import AwsError
from ..identity import ANONYMOUS
from ..identity.signature import claim_of
from ..kernel import Conversation, Kernel, Service
from ..kernel.strangers import DEFAULT_ACCOUNT
from ..wire.http import Request, Response
from .routing import Router, sender_of, with_bucket_in_path


class Browsers:
    """Asks the service that a request is for."""

    def __init__(self, kernel: Kernel, router: Router) -> None:
        self._kernel, self._router = kernel, router

    async def origin(self, request: Request) -> tuple[Response | None, dict[str, str] | None]:
        """The answer to a preflight, and what lets the page read an answer; None twice if no service says."""
        asks = "origin" in request.headers or request.method == "OPTIONS"
        service = self._service(request) if asks else None
        if service is None or service.origins is None:
            return None, None
        found: tuple[Response | None, dict[str, str] | None] = await service.origins(*self._seen(service,
                                                                                                 request))
        return found

    async def form(self, request: Request) -> Response | None:
        """The answer to a form with a file."""
        kind = request.headers.get("content-type", "")
        if request.method != "POST" or not kind.startswith("multipart/form-data") or request.query:
            return None
        service = self._service(request)
        if service is None or service.form is None:
            return None
        response: Response = await service.form(*self._seen(service, request))
        return response

    def _service(self, request: Request) -> Service | None:
        if request.path.startswith("/_cloudlet/"):
            return None
        try:
            return self._kernel.services[self._router.service_of(request, claim_of(request))]
        except AwsError:
            return None

    def _seen(self, service: Service, request: Request) -> tuple[Conversation, Request]:
        call = self._kernel.conversation(ANONYMOUS, service.name, account=DEFAULT_ACCOUNT,
                                         sender=sender_of(request))
        return call, with_bucket_in_path(copy(request))  # a copy: the signature is of the path as sent

"""Sites: the HTTP of a service's visitors, such as an API, a function URL or a website.

A visitor names the site in the host, ``NAME.execute-api.us-east-1.localhost:4566``, or, where such
names do not resolve, in the path: ``/_site/execute-api/NAME/…``.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from ..identity import ANONYMOUS
from ..kernel import Kernel, Service
from ..telemetry import Trace
from ..wire.http import Request, Response
from .routing import sender_of

PREFIX = "/_site/"
Visit = Callable[[Request], Awaitable[Response]]


class Sites:
    """Finds whose visitor a request is."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._labels: dict[str, tuple[str, Callable[..., Awaitable[Response]]]] = {}
        self._complete = False  # whether every service has been asked for its sites

    def find(self, request: Request) -> Visit | None:
        """What answers the visitor; None if the request is for the API."""
        if request.path.startswith(PREFIX):
            label, _, rest = request.path[len(PREFIX):].partition("/")
            name, _, path = rest.partition("/")
            visit = self._visit(label, name)
            if visit:
                request.path, request.prefix = "/" + path, f"{PREFIX}{label}/{name}"
            return visit
        parts = request.host.split(".")
        if len(parts) < 3 or parts[-1].isdigit():
            return None
        return self._visit(parts[1], parts[0])

    def _visit(self, label: str, name: str) -> Visit | None:
        found = self._labels.get(label)
        if found is None and not self._complete:
            self._learn(self._kernel.services.loaded)  # whoever made a site has loaded its service
            if label not in self._labels:
                self._learn(tuple(self._kernel.services))
                self._complete = True
            found = self._labels.get(label)
        return partial(self._answer, found, name) if found else None

    def _learn(self, services: tuple[Service, ...]) -> None:
        for service in services:
            for label, site in service.sites.items():
                self._labels[label] = (service.name, site)

    async def _answer(self, found: tuple[str, Callable[..., Awaitable[Response]]], name: str,
                      request: Request) -> Response:
        service, site = found
        tracer, now_ms = self._kernel.tracer, self._kernel.clock.now_ms()
        trace = Trace.parse(request.headers.get("x-amzn-trace-id", "")) or tracer.begin(now_ms)
        span = tracer.span(trace, f"{request.method} {request.path}", "", "")
        call = self._kernel.conversation(ANONYMOUS, service, trace=Trace(span.trace, span.id, trace.sampled),
                                         sender=sender_of(request))
        response = await site(call, name, request)
        tracer.end(span, str(response.status) if response.status >= 500 else "")
        return response

"""A visitor's request, with all that is known of it by the time it is answered."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from ...wire.http import Request
from .records import Api, Integration, Route, Stage


class Visit(msgspec.Struct):
    """One request to one route of one stage.

    ``path`` is as sent, with the stage's name in it; ``resource`` is the path without that.
    """

    request: Request
    api: Api
    stage: Stage
    route: Route
    variables: dict[str, str]
    id: str
    account: str
    region: str
    now_ms: int
    trace: str
    path: str
    resource: str
    integration: Integration | None = None
    authorizer: dict[str, Any] | None = None  # what the authorizer says, as payload 2.0 shows it
    principal_id: str = ""
    problem: str = ""  # why there is no answer of the integration's

    @property
    def decoded_path(self) -> str:
        """The path without escapes."""
        return unquote(self.path)

    @property
    def domain(self) -> str:
        """The name the visitor used."""
        return self.request.host

    def queries(self) -> dict[str, list[str]]:
        """The query string's values by name."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.request.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    def headers(self) -> dict[str, str]:
        """The headers, with those that a gateway adds."""
        headers = dict(self.request.headers)
        before = headers.get("x-forwarded-for")
        headers["x-forwarded-for"] = f"{before}, {self.request.peer}" if before else self.request.peer
        headers["x-forwarded-proto"] = "http"
        headers["x-forwarded-port"] = headers.get("host", "").rpartition(":")[2] or "80"
        headers["x-amzn-trace-id"] = self.trace
        headers.setdefault("content-length", str(len(self.request.body)))
        return headers

    def cookies(self) -> list[str]:
        """The cookies, each as ``name=value``."""
        return [part.strip() for part in self.request.headers.get("cookie", "").split(";") if part.strip()]

    def arn(self) -> str:
        """What an authorizer's policy speaks of."""
        return (f"arn:aws:execute-api:{self.region}:{self.account}:{self.api.api_id}/{self.stage.stage_name}/"
                f"{self.request.method}{unquote(self.resource)}")

    def source_arn(self, resource: str = "") -> str:
        """What a function's permission speaks of: the route as its key spells it, or an authorizer."""
        if not resource:
            method, _, path = self.route.route_key.partition(" ")
            resource = f"{self.stage.stage_name}/" + (
                f"{self.request.method if method == 'ANY' else method}{path}" if path else method)
        return f"arn:aws:execute-api:{self.region}:{self.account}:{self.api.api_id}/{resource}"

    def context(self) -> dict[str, str]:
        """The ``$context`` variables, as access logs and identity sources name them."""
        found = {"accountId": self.account, "apiId": self.api.api_id, "domainName": self.domain,
                "domainPrefix": self.api.api_id, "requestId": self.id, "extendedRequestId": self.id,
                "stage": self.stage.stage_name, "routeKey": self.route.route_key, "path": self.decoded_path,
                "httpMethod": self.request.method, "protocol": "HTTP/1.1", "requestTime": self.time(),
                "requestTimeEpoch": str(self.now_ms), "identity.sourceIp": self.request.peer,
                "identity.userAgent": self.request.headers.get("user-agent", ""),
                "integrationErrorMessage": self.problem, "integration.error": self.problem}
        said = self.authorizer or {}
        found |= {f"authorizer.{name}": _text(value) for name, value in said.get("lambda", {}).items()}
        claims = said.get("jwt", {}).get("claims", {})
        return found | {f"authorizer.claims.{name}": value for name, value in claims.items()}

    def time(self) -> str:
        """The moment of the request, as access logs write it."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

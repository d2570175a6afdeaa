"""The visitors of APIs: which API, stage and route, may it pass, and who answers."""

from typing import NamedTuple

from ...kernel import Conversation
from ...wire.http import Request, Response
from . import access_logs, cors, limits
from .answers import failure
from .authorizing import authorise
from .gate import Gate, Published, Served, gate_of
from .integrating import integrate
from .service import apigatewayv2
from .visits import Visit


class Way(NamedTuple):
    """The stage a path leads to, and the rest of the path."""

    served: Served
    resource: str


@apigatewayv2.site("execute-api")
async def site(call: Conversation, api_id: str, request: Request) -> Response:
    """Answer a visitor of the API called ``api_id``."""
    gate = gate_of(call)
    published = await gate.find(call, api_id)
    if published is None or published.api.disable_execute_api_endpoint:
        return failure(404, "Not Found")
    rules = published.api.cors_configuration
    response = cors.preflight(request, rules)
    if response is None:
        call = call.elsewhere(account=published.account, region=published.region)
        response = cors.apply(request, await _answer(call, gate, published, request), rules)
    response.headers["apigw-requestid"] = call.id
    return response


async def _answer(call: Conversation, gate: Gate, published: Published, request: Request) -> Response:
    way = way_of(published, request.path)
    match = way.served.router.find(request.method, way.resource) if way else None
    if way is None or match is None:
        return failure(404, "Not Found")
    if await request.read(limits.MAX_BODY) is None:
        return failure(413, "Request Entity Too Large")
    served, route = way.served, match.route
    visit = Visit(request, published.api, served.stage, route, match.variables, call.id, published.account,
                  published.region, call.now_ms, call.trace.header(), request.path, way.resource,
                  served.integrations.get((route.target or "").removeprefix("integrations/")))
    if not gate.admits(published.api.api_id, served.stage, route.route_key, visit.now_ms):
        response = failure(429, "Too Many Requests")
    else:
        refusal = await authorise(call, gate, visit, served.authorizers.get(route.authorizer_id or ""))
        response = refusal or await integrate(call, gate, visit)
    await access_logs.write(call, visit, response)
    return response


def way_of(published: Published, path: str) -> Way | None:
    """A path that begins with a stage's name leads to that stage, any other to ``$default``."""
    first, slash, rest = path[1:].partition("/")
    served = published.stages.get(first)
    if served is not None and first != "$default":
        return Way(served, f"/{rest}" if slash else "/")
    served = published.stages.get("$default")
    return None if served is None else Way(served, path)

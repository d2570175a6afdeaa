"""Whether a request may pass: what its route's authorizer says."""

import json
import re
from typing import Any

from ...errors import AwsError
from ...fabric.outgoing import Unreachable, send
from ...identity import policy, service_principal
from ...kernel import Conversation
from ...wire.http import Response
from . import limits, tokens
from .answers import failure
from .gate import Gate, Verdict
from .integrating import function_of
from .payloads import Event, event_1_0, event_2_0
from .records import Authorizer
from .tokens import Untrusted
from .visits import Visit

_ACTION = "execute-api:Invoke"
_FRESH_MS = 60_000  # keys that were fetched so lately are not fetched again for a token with another key
_FETCH_S = 10.0


async def authorise(
    call: Conversation, gate: Gate, visit: Visit, authorizer: Authorizer | None
) -> Response | None:
    """The refusal of a request that may not pass; None if it may, and then ``visit`` says who it is."""
    if visit.route.authorization_type == "NONE":
        return None
    if authorizer is None:
        return failure(500, "Internal Server Error")
    if authorizer.authorizer_type == "JWT":
        return await _by_token(call, gate, visit, authorizer)
    return await _by_function(call, gate, visit, authorizer)


async def _by_token(call: Conversation, gate: Gate, visit: Visit, authorizer: Authorizer) -> Response | None:
    (token,) = _identity(visit, authorizer)
    if not token:
        return _unauthorized("Bearer")
    token = re.sub(r"(?i)^bearer\s+", "", token).strip()
    config = authorizer.jwt_configuration or {}
    try:
        header, claims, signed, signature = tokens.read(token)
        tokens.check_claims(claims, config["Issuer"], config["Audience"], call.now_ms / 1000)
        key = await _key(call, gate, config["Issuer"], str(header.get("kid", "")))
        tokens.check_signature(str(header.get("alg")), key, signed, signature)
    except Untrusted as error:
        return _unauthorized(f'Bearer scope="" error="invalid_token" error_description="{error}"')
    wanted = visit.route.authorization_scopes
    scopes = tokens.scopes_of(claims)
    if wanted and not set(wanted) & set(scopes):
        return failure(403, "Forbidden")
    visit.authorizer = {"jwt": {"claims": tokens.shown(claims), "scopes": scopes if wanted else None}}
    return None


async def _key(call: Conversation, gate: Gate, issuer: str, id: str) -> dict[str, Any]:
    """The issuer's key of that id; keys are fetched and kept for two hours."""
    fetched_ms, keys = gate.keys.get(issuer, (-limits.KEYS_KEPT_MS, {}))
    age_ms = call.now_ms - fetched_ms
    if age_ms >= limits.KEYS_KEPT_MS or (id not in keys and age_ms > _FRESH_MS):
        keys = await _fetch_keys(issuer)
        gate.keys[issuer] = (call.now_ms, keys)
    if id not in keys:
        raise Untrusted("the token's key is unknown")
    found: dict[str, Any] = keys[id]
    return found


async def _fetch_keys(issuer: str) -> dict[str, Any]:
    try:
        place = issuer.rstrip("/") + "/.well-known/openid-configuration"
        url = (await _fetch(place))["jwks_uri"]
        return {str(key.get("kid", "")): key for key in (await _fetch(url))["keys"]}
    except (Unreachable, TimeoutError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Untrusted("the issuer's keys can't be had") from None


async def _fetch(url: str) -> Any:
    answer = await send("GET", url, {"accept": "application/json"}, b"", _FETCH_S)
    if answer.status != 200 or not isinstance(answer.body, bytes):
        raise ValueError(url)
    return json.loads(answer.body)


async def _by_function(
    call: Conversation, gate: Gate, visit: Visit, authorizer: Authorizer
) -> Response | None:
    identity = _identity(visit, authorizer)
    if not all(identity):
        return failure(401, "Unauthorized")
    ttl_ms = (authorizer.authorizer_result_ttl_in_seconds or 0) * 1000
    key = (visit.api.api_id, visit.stage.stage_name, authorizer.authorizer_id, *identity)
    verdict = gate.verdict(key, call.now_ms) if ttl_ms else None
    if verdict is None:
        try:
            verdict = _verdict(await _ask(call, visit, authorizer, identity), authorizer)
        except (AwsError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return failure(500, "Internal Server Error")
        if ttl_ms:
            gate.remember(key, verdict, call.now_ms + ttl_ms)
    if not _passes(verdict, visit):
        return failure(403, "Forbidden")
    visit.authorizer, visit.principal_id = {"lambda": verdict.context}, verdict.principal_id
    return None


async def _ask(call: Conversation, visit: Visit, authorizer: Authorizer, identity: list[str]) -> Any:
    event: Event
    if authorizer.authorizer_payload_format_version == "2.0":
        event = event_2_0(visit) | {"type": "REQUEST", "routeArn": visit.arn(), "identitySource": identity}
    else:
        joined = ",".join(identity)
        event = event_1_0(visit) | {"type": "REQUEST", "methodArn": visit.arn(), "identitySource": joined,
                                    "authorizationToken": joined}
    answer = await call.invoke(
        "lambda",
        "Invoke",
        FunctionName=function_of(authorizer.authorizer_uri or "", visit),
        Payload=json.dumps(event).encode(),
        as_principal=service_principal("apigateway", visit.account,
                                       visit.source_arn(f"authorizers/{authorizer.authorizer_id}")),
    )
    if answer.get("FunctionError"):
        raise ValueError("the authorizer failed")
    return json.loads(answer["Payload"])


def _verdict(answer: Any, authorizer: Authorizer) -> Verdict:
    """What an authorizer's answer says; ValueError or TypeError if it is none."""
    context = answer.get("context") or {}
    if not isinstance(context, dict):
        raise TypeError
    if authorizer.enable_simple_responses:
        if not isinstance(answer["isAuthorized"], bool):
            raise TypeError
        return Verdict(answer["isAuthorized"], context)
    document = json.dumps(answer["policyDocument"])
    policy.compiled(document)
    return Verdict(False, context, document, str(answer.get("principalId", "")))


def _passes(verdict: Verdict, visit: Visit) -> bool:
    if not verdict.policy:
        return verdict.allowed
    context = {"aws:sourceip": (visit.request.peer,)}
    meant = [one.allows for one in policy.compiled(verdict.policy).statements
             if one.speaks_of(_ACTION, visit.arn(), context)]
    return bool(meant) and all(meant)


def _identity(visit: Visit, authorizer: Authorizer) -> list[str]:
    return [_value(source.replace("{", "").replace("}", ""), visit) for source in authorizer.identity_source]


def _value(source: str, visit: Visit) -> str:
    kind, _, rest = source.removeprefix("$").partition(".")
    if kind == "request":
        place, _, name = rest.partition(".")
        if place == "header":
            return visit.request.headers.get(name.lower(), "")
        return ",".join(visit.queries().get(name, ()))
    if kind == "stageVariables":
        return visit.stage.stage_variables.get(rest, "")
    return visit.context().get(rest, "")


def _unauthorized(challenge: str) -> Response:
    response = failure(401, "Unauthorized")
    response.headers["www-authenticate"] = challenge
    return response

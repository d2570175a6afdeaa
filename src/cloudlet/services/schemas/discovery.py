"""Discoverers: they look at the events of a bus, and write down what they look like.

A discoverer is a rule on its bus, which the schema registry manages, with the discoverer as its target. A
schema is called by the source and the type of its events, and gets a new version when an event shows what no
version has said yet.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...arn import Arn
from ...fabric.targets import Delivery
from ...identity import service_principal
from ...kernel import Call
from . import documents, limits, shapes
from .errors import absent, bad, taken
from .paging import page
from .records import (
    DISCOVERED,
    Discoverer,
    Schema,
    add_version,
    discoverers,
    known,
    new_registry,
    registries,
    told,
    versions,
)
from .service import schemas

Config = dict[str, Any]
_TARGET = "discoverer"


class Seen(msgspec.Struct, rename="kebab"):
    """What of an event matters here."""

    source: str
    detail_type: str
    detail: dict[str, Any]


@schemas.operation
def create_discoverer(call: Call, source_arn: str, description: str | None = None, cross_account: bool = True,
                      tags: dict[str, str] | None = None) -> Config:
    """Look at the events of a bus from now on."""
    bus = source_arn.partition(":event-bus/")[2]
    if not bus:
        raise bad(f"{source_arn} is not the ARN of an event bus.")
    id = f"events-event-bus-{bus}"
    if discoverers.get(call, id) is not None:
        raise taken("Discoverer", id)
    if sum(1 for _ in discoverers.items(call, limit=limits.DISCOVERERS)) >= limits.DISCOVERERS:
        raise bad(f"An account can have at most {limits.DISCOVERERS} discoverers.")
    one = Discoverer(id, call.arn(f"discoverer/{id}"), source_arn, description or "", cross_account,
                     tags=tags or {})
    _set_rule(call, one)
    if registries.get(call, DISCOVERED) is None:
        new_registry(call, DISCOVERED)
    discoverers.put(call, id, record=one)
    return _shown(one)


@schemas.operation
def describe_discoverer(call: Call, discoverer_id: str) -> Config:
    """A discoverer."""
    return _shown(_need(call, discoverer_id))


@schemas.operation
def update_discoverer(call: Call, discoverer_id: str, description: str | None = None,
                      cross_account: bool | None = None) -> Config:
    """Change what is given; the rest stays."""
    one = _need(call, discoverer_id)
    if description is not None:
        one.description = description
    if cross_account is not None and cross_account != one.cross_account:
        one.cross_account = cross_account
        _set_rule(call, one)
    discoverers.put(call, discoverer_id, record=one)
    return _shown(one)


@schemas.operation
def start_discoverer(call: Call, discoverer_id: str) -> Config:
    """Look at events again."""
    return _switch(call, discoverer_id, "EnableRule")


@schemas.operation
def stop_discoverer(call: Call, discoverer_id: str) -> Config:
    """Look at no events until further notice."""
    return _switch(call, discoverer_id, "DisableRule")


@schemas.operation
def delete_discoverer(call: Call, discoverer_id: str) -> None:
    """Look at no events any more; the schemas stay."""
    one = _need(call, discoverer_id)
    _rule(call, one, "RemoveTargets", Rule=_name(one), Ids=[_TARGET])
    _rule(call, one, "DeleteRule", Name=_name(one))
    discoverers.delete(call, discoverer_id)


@schemas.operation
def list_discoverers(call: Call, discoverer_id_prefix: str | None = None, limit: int | None = None,
                     next_token: str | None = None, source_arn_prefix: str | None = None) -> Config:
    """Discoverers by id."""
    def rows(after: str) -> Iterator[tuple[str, Discoverer]]:
        for _, one in discoverers.items(call, after=(after,) if after else None):
            ours = one.source_arn.startswith(source_arn_prefix or "")
            if ours and one.id.startswith(discoverer_id_prefix or ""):
                yield one.id, one

    return page("Discoverers", rows, lambda one: {
        name: value for name, value in _shown(one).items() if name != "Description"}, next_token, limit)


@schemas.operation
def get_discovered_schema(call: Call, events: list[str], type: str) -> Config:
    """The schema that some events have in common."""
    if type not in ("OpenApi3", "JSONSchemaDraft4"):
        raise bad("Type must be OpenApi3 or JSONSchemaDraft4.")
    found: list[Seen] = []
    bare: shapes.Shape = {}
    for text in events:
        try:
            decoded = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise bad("An event is not JSON.") from None
        bare = shapes.merged(bare, shapes.shape_of(decoded))
        try:
            found.append(msgspec.convert(decoded, type=Seen))
        except msgspec.ValidationError:
            continue
    if len(found) == len(events):
        whole: shapes.Shape = {}
        for seen in found:
            whole = shapes.merged(whole, shapes.shape_of(seen.detail))
        first = found[0]
        document = shapes.openapi(whole, shapes.camel(first.detail_type), source=first.source,
                                  detail_type=first.detail_type)
    else:
        document = shapes.openapi(bare, "Event")
    if type == "JSONSchemaDraft4":
        document = documents.as_json_schema(document)
    return {"Content": msgspec.json.encode(document).decode()}


@schemas.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Look at an event that a discoverer's rule sends."""
    one = _need(call, Arn.parse(arn).resource.partition("/")[2])
    try:
        seen = msgspec.json.decode(delivery.body, type=Seen)
    except msgspec.DecodeError:
        raise bad("What is delivered is no event.") from None
    if one.running:
        _learn(call, seen)


def _learn(call: Call, seen: Seen) -> None:
    """Write down what is new about events of this kind, if anything is."""
    title = shapes.camel(seen.detail_type)
    name = f"{seen.source}@{title}"[:limits.SCHEMA_NAME_LONGEST]
    schema = known.get(call, DISCOVERED, name)
    if schema is None:
        if sum(1 for _ in known.items(call, DISCOVERED, limit=limits.DISCOVERED_SCHEMAS)) >= (
                limits.DISCOVERED_SCHEMAS):
            return
        schema = Schema(DISCOVERED, name, call.arn(f"schema/{DISCOVERED}/{name}"), "OpenApi3", call.now_ms,
                        call.now_ms, description=f"Schema for event type {title}, published by AWS service "
                                                 f"{seen.source}" if seen.source.startswith("aws.") else "")
    shape = shapes.merged(schema.shape, shapes.shape_of(seen.detail))
    if shape == schema.shape:
        return
    schema.shape = shape
    content = msgspec.json.encode(shapes.openapi(
        shape, title, source=seen.source, detail_type=seen.detail_type)).decode()
    latest = versions.get(call, DISCOVERED, name, schema.latest)
    if latest is None or latest.content != content:
        add_version(call, schema, content)
    else:
        known.put(call, DISCOVERED, name, record=schema)


def _set_rule(call: Call, one: Discoverer) -> None:
    own = {"account": [call.account]} if not one.cross_account else {"source": [{"exists": True}]}
    _rule(call, one, "PutRule", Name=_name(one), EventPattern=msgspec.json.encode(own).decode())
    answer = _rule(call, one, "PutTargets", Rule=_name(one), Targets=[{"Id": _TARGET, "Arn": one.arn}])
    for failed in answer["FailedEntries"]:
        raise bad(failed["ErrorMessage"])


def _switch(call: Call, id: str, operation: str) -> Config:
    one = _need(call, id)
    _rule(call, one, operation, Name=_name(one))
    one.running = operation == "EnableRule"
    discoverers.put(call, id, record=one)
    return {"DiscovererId": id, "State": _state(one)}


def _rule(call: Call, one: Discoverer, operation: str, **params: Any) -> Config:
    """An operation on the rule of a discoverer."""
    return call.invoke("events", operation, as_principal=service_principal("schemas", call.account),
                       EventBusName=one.source_arn, **params)


def _name(one: Discoverer) -> str:
    return f"Schemas-{one.id}"[:64]


def _need(call: Call, id: str) -> Discoverer:
    one = discoverers.get(call, id)
    if one is None:
        raise absent("Discoverer", id)
    return one


def _state(one: Discoverer) -> str:
    return "STARTED" if one.running else "STOPPED"


def _shown(one: Discoverer) -> Config:
    return told(Description=one.description, DiscovererArn=one.arn, DiscovererId=one.id,
                SourceArn=one.source_arn,
                State=_state(one), Tags=one.tags) | {"CrossAccount": one.cross_account}

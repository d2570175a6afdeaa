"""From a message to what its rules do with it.

The message broker delivers every message to the ARN of its topic, in the transaction that acknowledges it;
here is the target of those ARNs. So what the rules must do is in the store before the publisher hears that
his message was taken. No rule stops another, nor the message.
"""

import base64
import json
from collections import OrderedDict
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...fabric.targets import Delivery, NotATarget, Parcel, Retries, send, settle
from ...fabric.topics import Filters
from ...identity import Principal, service_principal
from ...kernel import Call, Conversation
from ...kernel.roles import assumed
from . import actions, limits
from .actions import Action, Order
from .errors import FailedToAssumeRole, OperationFailed
from .records import Config, Generation, Rule, Run, find, generations, rules, runs
from .service import iot
from .sql.evaluation import facts_of, selected
from .sql.message import Facts, Message
from .sql.parser import parse
from .sql.syntax import Statement

_BROKER = "iot-data"  # who delivers messages here
_BASIC = "$aws/rules/"  # a topic that names a rule: it goes to no subscriber
_RETRIES = Retries(limits.RETRY_ATTEMPTS, pauses_ms=limits.RETRY_PAUSES_MS)
_KEPT = 256  # generations


class Route(msgspec.Struct):
    """A rule, ready for messages."""

    rule: Rule
    statement: Statement
    actions: list[Action]
    on_error: Action | None


class Routes(msgspec.Struct):
    """The enabled rules by name, and by what they listen to."""

    by_name: dict[str, Route]
    filters: Filters[Route]


_kept: OrderedDict[str, Routes] = OrderedDict()


@iot.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Run the rules that a message is for. Parameters are what the broker knows of it (``Message``)."""
    kind, _, topic = Arn.parse(arn).resource.partition("/")
    if kind != "topic" or delivery.source != _BROKER:
        raise NotATarget(f"Nothing can be delivered to {arn} but by the message broker.")
    message = Message(topic, delivery.body, call.account, call.now_ms, call.ids.uuid, call.ids.bytes,
                      **delivery.parameters)
    for route, seen_topic in _chosen(call, topic):
        _run(call, route, facts_of(message, seen_topic, route.statement.version), delivery.id)


def _chosen(call: Call, topic: str) -> list[tuple[Route, str]]:
    known = routes(call)
    if not topic.startswith(_BASIC):
        return [(route, topic) for route in known.filters.choosing(topic)]
    name, _, rest = topic[len(_BASIC):].partition("/")
    found = known.by_name.get(name)
    return [(found, rest)] if found else []


def routes(call: Call) -> Routes:
    """The rules of the call's account and region as they are now."""
    generation = generations.get(call, "") or Generation()
    found = _kept.get(generation.name)
    if found is None:
        by_name = {str(key[0]): _route(rule) for key, rule in rules.items(call) if not rule.disabled} \
            if generation.rules else {}
        filters = Filters((one.statement.topic, one) for one in by_name.values() if one.statement.topic)
        found = _kept[generation.name] = Routes(by_name, filters)
        if len(_kept) > _KEPT:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(generation.name)
    return found


def _route(rule: Rule) -> Route:
    on_error = rule.error_action
    return Route(rule, parse(rule.sql, rule.version),
                 [actions.compiled(given, rule.version) for given in rule.actions],
                 actions.compiled(on_error, rule.version) if on_error else None)


def _run(call: Call, route: Route, facts: Facts, event: str) -> None:
    rule = route.rule
    try:
        value = selected(route.statement, facts)
    except RecursionError:
        call.see(
            "lost",
            rule.arn,
            event=event,
            why="the message is nested too deeply",
            payload=facts.message.payload,
        )
        return
    if value is None:
        call.see(
            "filtered", rule.arn, event=event, why="its WHERE is not true", payload=facts.message.payload
        )
        return
    plans = [(action, *_plan(call, action, facts, value)) for action in route.actions]
    count = sum(len(orders) + (error is not None) for _, orders, error in plans)
    note = {"run": _remember(call, rule, facts, count)} if route.on_error and count else {}
    for action, orders, error in plans:
        about = {**note, "action": action.label, "resource": action.resource(facts)} if note else {}
        if error is not None:
            settle(call, _parcel(call, rule, Order(rule.arn, facts.message.payload), about), error)
        for order in orders:
            _send(call, rule, action, order, about)


def _plan(call: Call, action: Action, facts: Facts, value: Any) -> tuple[list[Order], AwsError | None]:
    try:
        return action.orders(call, facts, value), None
    except AwsError as error:
        return [], error
    except RecursionError:
        return [], OperationFailed("The message is nested too deeply.")


def _parcel(call: Call, rule: Rule, order: Order, note: Config) -> Parcel:
    delivery = Delivery(call.ids.uuid(), order.body, iot.name, rule.arn, call.account, order.parameters)
    if not order.operation:
        return Parcel(order.arn, delivery, _RETRIES, tell="ended" if note else "", note=note)
    delivery.id = f"{call.ids.ticket():020}"  # what is carried goes out in the order of its ids
    delivery.parameters = {"Operation": order.operation, "Input": order.parameters}
    return Parcel(order.arn, delivery, _RETRIES, tell="ended" if note else "", note=note, carrier="iot:carry")


def _send(call: Call, rule: Rule, action: Action, order: Order, note: Config) -> None:
    parcel, role = _parcel(call, rule, order, note), action.given.get("roleArn")
    try:
        parcel.delivery.caller = _acting(call, role, rule.arn) if role else None
    except AwsError as error:
        settle(call, parcel, error)
    else:
        send(call, parcel)


def _acting(call: Call, role_arn: str, rule_arn: str) -> Principal:
    """A session of the action's role, which must let ``iot.amazonaws.com`` in."""
    itself = service_principal("iot", call.account, rule_arn)
    return assumed(call, role_arn, itself, "iot", FailedToAssumeRole(
        f"AWS IoT is not authorized to perform: sts:AssumeRole on resource: {role_arn}"))


@iot.task
async def carry(call: Conversation, parcel: Config) -> None:
    """Carry out the operation that an action asks for, outside any transaction."""
    found, error = msgspec.convert(parcel, type=Parcel), None
    given = found.delivery.parameters
    service, _, operation = given["Operation"].partition(":")
    try:
        await call.invoke(service, operation, as_principal=found.delivery.principal, **given["Input"])
    except AwsError as refusal:
        error = refusal
    await call.transact(lambda inner: settle(inner, found, error))


# -- the error action: one message for all that failed of one message in one rule


def _remember(call: Call, rule: Rule, facts: Facts, pending: int) -> str:
    message, id = facts.message, call.ids.uuid()
    runs.put(call, id, record=Run(
        rule.name, facts.topic, message.client_id, message.trace_id, message.payload, message.at_ms, pending,
        user_properties=message.user_properties, properties=message.properties, principal=message.principal,
        source_ip=message.source_ip))
    return id


@iot.task
def ended(call: Call, *, run: str, action: str, resource: str, tries: int, error: str) -> None:
    """One order of a rule's has been carried out or given up; the last one says what failed."""
    found = runs.get(call, run)
    if found is None:
        return
    found.pending -= 1
    if error:
        found.failures.append({"failedAction": action, "failedResource": resource, "errorMessage": error})
    if found.pending:
        runs.put(call, run, record=found)
        return
    runs.delete(call, run)
    if found.failures:
        _tell_failures(call, found)


def _tell_failures(call: Call, run: Run) -> None:
    try:
        rule = find(call, run.rule)
    except AwsError:  # it is gone by now
        return
    if rule.error_action is None:
        return
    text = json.dumps(
        {
            "ruleName": run.rule,
            "topic": run.topic,
            "cloudwatchTraceId": run.trace_id,
            "clientId": run.client_id or "N/A",
            "base64OriginalPayload": base64.b64encode(run.payload).decode(),
            "failures": run.failures,
        }
    )
    message = Message(run.topic, run.payload, call.account, call.now_ms, call.ids.uuid, call.ids.bytes,
                      run.client_id, run.principal, run.source_ip, run.trace_id, run.properties,
                      run.user_properties)
    facts, action = (
        facts_of(message, run.topic, rule.version),
        actions.compiled(rule.error_action, rule.version),
    )
    orders, error = _plan(call, action, facts, text.encode())
    if error is not None:
        settle(call, _parcel(call, rule, Order(rule.arn, text.encode()), {}), error)
    for order in orders:
        _send(call, rule, action, order, {})

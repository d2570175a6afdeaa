"""Topic rules: made, shown, changed, switched and deleted.

What a rule can't do is refused when it is made, and not when a message comes.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from ...errors import NotHonoured
from ...fabric.topics import Filters, is_filter
from ...kernel import Call
from ...kernel.paging import page
from . import actions, limits
from .errors import (
    InvalidRequestException,
    LimitExceededException,
    ResourceAlreadyExistsException,
    SqlParseException,
)
from .records import Config, Generation, Rule, find, generations, renew, rules, save
from .service import iot
from .sql.parser import V1, V2, parse
from .sql.syntax import Statement
from .sql.tokens import WrongSql
from .tags import merged

_BETA = "beta"


@iot.operation
def create_topic_rule(call: Call, rule_name: str, topic_rule_payload: Config,
                      tags: str | None = None) -> None:
    """Make a rule; it works from the next message on. ``tags`` are written as a query string."""
    if rules.get(call, rule_name) is not None:
        raise ResourceAlreadyExistsException(
            f"Rule {rule_name} already exists", resourceId=rule_name, resourceArn=_arn(call, rule_name))
    if (generations.get(call, "") or Generation()).rules >= limits.RULES:
        raise LimitExceededException(f"An account can't have more than {limits.RULES} rules.")
    rule = _checked(call, rule_name, topic_rule_payload)
    rule.tags = _tags(tags)
    save(call, rule, more=1)


@iot.operation
def replace_topic_rule(call: Call, rule_name: str, topic_rule_payload: Config) -> None:
    """Say a rule anew; its tags and its birthday stay."""
    before = find(call, rule_name)
    rule = _checked(call, rule_name, topic_rule_payload)
    rule.tags, rule.created_ms = before.tags, before.created_ms
    save(call, rule)


@iot.operation
def get_topic_rule(call: Call, rule_name: str) -> Config:
    """A rule as it is."""
    rule = find(call, rule_name)
    shown: Config = {"ruleName": rule.name, "sql": rule.sql, "createdAt": rule.created_ms / 1000,
                     "actions": rule.actions, "ruleDisabled": rule.disabled,
                     "awsIotSqlVersion": rule.version}
    if rule.description:
        shown["description"] = rule.description
    if rule.error_action:
        shown["errorAction"] = rule.error_action
    return {"ruleArn": rule.arn, "rule": shown}


@iot.operation
def list_topic_rules(call: Call, topic: str | None = None, max_results: int | None = None,
                     next_token: str | None = None, rule_disabled: bool | None = None) -> Config:
    """Rules by name: all, those that a topic reaches, those that are switched off or on."""
    def rows(after: str) -> Iterator[tuple[str, Rule]]:
        for (name,), rule in rules.items(call, after=(after,) if after else None):
            if rule_disabled in (None, rule.disabled) and (topic is None or _hears(rule, topic)):
                yield str(name), rule

    return page("rules", rows, _listed, next_token, min(max_results or limits.PAGE, limits.PAGE),
                InvalidRequestException("The nextToken is not one of this list."), "nextToken")


@iot.operation
def delete_topic_rule(call: Call, rule_name: str) -> None:
    """Remove a rule. What it has under way is carried out."""
    find(call, rule_name)
    rules.delete(call, rule_name)
    renew(call, -1)


@iot.operation
def enable_topic_rule(call: Call, rule_name: str) -> None:
    """Let a rule work."""
    _switch(call, rule_name, disabled=False)


@iot.operation
def disable_topic_rule(call: Call, rule_name: str) -> None:
    """Let a rule rest."""
    _switch(call, rule_name, disabled=True)


def _switch(call: Call, name: str, *, disabled: bool) -> None:
    rule = find(call, name)
    if rule.disabled != disabled:
        rule.disabled = disabled
        save(call, rule)


def _checked(call: Call, name: str, given: Config) -> Rule:
    version = given.get("awsIotSqlVersion") or V1
    if version == _BETA:
        raise NotHonoured("cloudlet does not have the SQL version beta, which may change at any time.")
    if version not in (V1, V2):
        raise InvalidRequestException(f"The SQL version {version} is none of: {V1}, {V2}.")
    statement = _statement(given["sql"], version)
    wanted = given.get("actions") or []
    if len(wanted) > limits.ACTIONS_PER_RULE:
        raise InvalidRequestException(f"A rule can't have more than {limits.ACTIONS_PER_RULE} actions.")
    for action in wanted:
        actions.checked(call, action, version)
    on_error = given.get("errorAction")
    if on_error:
        actions.checked(call, on_error, version)
    return Rule(
        name, _arn(call, name), given["sql"], statement.topic, version, [_said(one) for one in wanted],
        call.now_ms, _said(on_error) if on_error else None, given.get("description") or "",
        bool(given.get("ruleDisabled")))


def _statement(sql: str, version: str) -> Statement:
    if len(sql) > limits.SQL_LENGTH:
        raise InvalidRequestException(
            f"The SQL of a rule can't have more than {limits.SQL_LENGTH} characters.")
    try:
        found = parse(sql, version)
    except WrongSql as error:
        raise SqlParseException(str(error)) from None
    except RecursionError:
        raise SqlParseException("The statement is nested too deeply.") from None
    if found.topic and not is_filter(found.topic):
        raise SqlParseException(f"{found.topic!r} is not a topic filter.")
    if found.topic.startswith("$"):
        raise NotHonoured(f"cloudlet publishes nothing to the reserved topics {found.topic}, and refuses a "
                          "rule that would never hear anything.")
    return found


def _said(given: Any) -> Any:
    """What was given, without what is empty."""
    if isinstance(given, dict):
        return {name: _said(value) for name, value in given.items() if value is not None}
    return [_said(one) for one in given] if isinstance(given, list) else given


def _tags(text: str | None) -> dict[str, str]:
    pairs = parse_qsl(text or "", keep_blank_values=True)
    return merged({}, [{"Key": key, "Value": value} for key, value in pairs])


def _arn(call: Call, name: str) -> str:
    return call.arn(f"rule/{name}", "iot")


def _hears(rule: Rule, topic: str) -> bool:
    return bool(rule.topic) and any(Filters([(rule.topic, True)]).choosing(topic))


def _listed(rule: Rule) -> Config:
    return {"ruleArn": rule.arn, "ruleName": rule.name, "topicPattern": rule.topic,
            "createdAt": rule.created_ms / 1000, "ruleDisabled": rule.disabled}

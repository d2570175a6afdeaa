"""Delivery policies: how often, how fast and as what messages go to HTTP endpoints.

A topic has defaults, a subscription its own, and what counts is put together from both. Retries go through
four phases: at once, at the least delay, growing from the least to the largest, at the largest. AWS adds
jitter and shows the growth as curves only; here there is none, and the curves are those of the names.
Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from . import limits
from .errors import InvalidParameterException

Tree = dict[str, Any]
Refuse = Callable[[str], InvalidParameterException]
PLAIN = "text/plain; charset=UTF-8"
_RETRY: Tree = {"minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear"}
_NEEDED = ("minDelayTarget", "maxDelayTarget", "numRetries")
_OWN = ("healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed")
_RANGES = {"minDelayTarget": limits.DELAY_S, "maxDelayTarget": limits.DELAY_S,
           "numRetries": (0, limits.RETRIES), "numMaxDelayRetries": (0, limits.RETRIES),
           "numNoDelayRetries": (0, limits.RETRIES), "numMinDelayRetries": (0, limits.RETRIES)}
_TYPES = ("application/json", "text/plain")
_RAW_TYPES = (*_TYPES, "text/css", "text/csv", "text/html", "text/xml", "application/atom+xml",
              "application/octet-stream", "application/soap+xml", "application/x-www-form-urlencoded",
              "application/xhtml+xml", "application/xml")
# how far a delay has grown, from 0 to 1, at the part x of the way
_CURVES: dict[str, Callable[[float, float], float]] = {
    "linear": lambda x, ratio: x,
    "arithmetic": lambda x, ratio: x * (x + 1) / 2,
    "geometric": lambda x, ratio: (ratio ** x - 1) / (ratio - 1) if ratio > 1 else x,
    "exponential": lambda x, ratio: (2 ** (10 * x) - 1) / (2**10 - 1),
}


class Effective(msgspec.Struct, frozen=True):
    """What counts for one subscription."""

    delays_ms: tuple[int, ...]
    per_second: int  # deliveries; 0 for no limit
    content_type: str


def of_topic(text: str, say: str) -> str:
    """A topic's policy as AWS keeps it; ``say`` is how a refusal begins, up to the attribute's name."""
    refuse = _refusals(say)
    given = _object(text, refuse)
    _known(given, ("http",), refuse)
    http = given.get("http") or {}
    if not isinstance(http, dict):
        raise refuse("http must be a JSON object")
    _known(http, ("defaultHealthyRetryPolicy", "disableSubscriptionOverrides", "defaultThrottlePolicy",
                  "defaultRequestPolicy"), refuse)
    kept: Tree = {}
    if http.get("defaultHealthyRetryPolicy") is not None:
        _check_retry(http["defaultHealthyRetryPolicy"], "http.defaultHealthyRetryPolicy", refuse)
        kept["defaultHealthyRetryPolicy"] = http["defaultHealthyRetryPolicy"]
    overrides = http.get("disableSubscriptionOverrides") or False
    if not isinstance(overrides, bool):
        raise refuse("http.disableSubscriptionOverrides must be true or false")
    kept["disableSubscriptionOverrides"] = overrides
    if http.get("defaultThrottlePolicy") is not None:
        _check_throttle(http["defaultThrottlePolicy"], "http.defaultThrottlePolicy", refuse)
        kept["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    if http.get("defaultRequestPolicy") is not None:
        _check_request(http["defaultRequestPolicy"], "http.defaultRequestPolicy", refuse, _TYPES)
        kept["defaultRequestPolicy"] = http["defaultRequestPolicy"]
    return _json({"http": kept})


def of_subscription(text: str, say: str, *, raw: bool) -> str:
    """A subscription's policy as AWS keeps it."""
    refuse = _refusals(say)
    given = _object(text, refuse)
    _known(given, _OWN, refuse)
    retry = given.get("healthyRetryPolicy")
    if retry is not None:
        _check_retry(retry, "healthyRetryPolicy", refuse)
        retry = {name: retry.get(name, 0) for name in _RANGES} | {
            "backoffFunction": retry.get("backoffFunction", "linear")}
    if given.get("sicklyRetryPolicy") is not None or given.get("guaranteed"):
        raise refuse("sicklyRetryPolicy and guaranteed are not supported")
    if given.get("throttlePolicy") is not None:
        _check_throttle(given["throttlePolicy"], "throttlePolicy", refuse)
    if given.get("requestPolicy") is not None:
        _check_request(given["requestPolicy"], "requestPolicy", refuse, _RAW_TYPES if raw else _TYPES)
    return _json({"healthyRetryPolicy": retry, "sicklyRetryPolicy": None,
                  "throttlePolicy": given.get("throttlePolicy"), "requestPolicy": given.get("requestPolicy"),
                  "guaranteed": False})


def shown_of_topic(topic: str) -> str:
    """A topic's effective policy."""
    http = json.loads(topic)["http"] if topic else {}
    shown: Tree = {"defaultHealthyRetryPolicy": _RETRY | http.get("defaultHealthyRetryPolicy", {}),
                   "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False)}
    if http.get("defaultThrottlePolicy"):
        shown["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    shown["defaultRequestPolicy"] = http.get("defaultRequestPolicy") or {"headerContentType": PLAIN}
    return _json({"http": shown})


def shown_of_subscription(topic: str, subscription: str) -> str:
    """A subscription's effective policy: its own parts, else the topic's."""
    http = json.loads(shown_of_topic(topic))["http"]
    own = json.loads(subscription) if subscription and not http["disableSubscriptionOverrides"] else {}
    return _json({
        "healthyRetryPolicy": own.get("healthyRetryPolicy") or http["defaultHealthyRetryPolicy"],
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or http.get("defaultThrottlePolicy"),
        "requestPolicy": own.get("requestPolicy") or http["defaultRequestPolicy"], "guaranteed": False})


@lru_cache(maxsize=1024)
def effective(topic: str, subscription: str) -> Effective:
    """What counts for a subscription with those two policies."""
    shown = json.loads(shown_of_subscription(topic, subscription))
    return Effective(delays_ms(shown["healthyRetryPolicy"]),
                     (shown["throttlePolicy"] or {}).get("maxReceivesPerSecond", 0),
                     shown["requestPolicy"].get("headerContentType", PLAIN))


def delays_ms(retry: Tree) -> tuple[int, ...]:
    """The wait before each retry.

    >>> delays_ms({"minDelayTarget": 1, "maxDelayTarget": 5, "numRetries": 7, "numNoDelayRetries": 1,
    ...            "numMinDelayRetries": 1, "numMaxDelayRetries": 2, "backoffFunction": "linear"})
    (0, 1000, 1000, 3000, 5000, 5000, 5000)
    """
    whole = _RETRY | retry
    least, most = whole["minDelayTarget"] * 1000, whole["maxDelayTarget"] * 1000
    first, second, last = (whole[f"num{name}Retries"] for name in ("NoDelay", "MinDelay", "MaxDelay"))
    growing = whole["numRetries"] - first - second - last
    curve = _CURVES[whole["backoffFunction"]]
    grown = [round(least + (most - least) * curve(n / (growing - 1) if growing > 1 else 0.0, most / least))
             for n in range(growing)]
    return (*(0,) * first, *(least,) * second, *grown, *(most,) * last)


def _check_retry(retry: object, path: str, refuse: Refuse) -> None:
    if not isinstance(retry, dict):
        raise refuse(f"{path} must be a JSON object")
    _known(retry, tuple(_RETRY), refuse)
    for name in _NEEDED:
        if retry.get(name) is None:
            raise refuse(f"{path}.{name} must be specified")
    for name, (least, most) in _RANGES.items():
        value = retry.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse(f"{path}.{name} must be an integer")
        if value < least:
            raise refuse(f"{path}.{name} must be greater than or equal to {least}")
        if value > most:
            raise refuse(f"{path}.{name} must be less than or equal to {most}")
    if retry["maxDelayTarget"] < retry["minDelayTarget"]:
        raise refuse(f"{path}.maxDelayTarget must be greater than or equal to minDelayTarget")
    phases = sum(retry.get(f"num{name}Retries", 0) for name in ("NoDelay", "MinDelay", "MaxDelay"))
    if phases > retry["numRetries"]:
        raise refuse(f"{path}.numRetries must be greater than or equal to the sum of numNoDelayRetries, "
                     "numMinDelayRetries and numMaxDelayRetries")
    if retry.get("backoffFunction", "linear") not in _CURVES:
        raise refuse(f"{path}.backoffFunction must be one of: {', '.join(_CURVES)}")


def _check_throttle(throttle: object, path: str, refuse: Refuse) -> None:
    if not isinstance(throttle, dict):
        raise refuse(f"{path} must be a JSON object")
    _known(throttle, ("maxReceivesPerSecond",), refuse)
    rate = throttle.get("maxReceivesPerSecond")
    if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
        raise refuse(f"{path}.maxReceivesPerSecond must be greater than or equal to 1")


def _check_request(request: object, path: str, refuse: Refuse, types: tuple[str, ...]) -> None:
    if not isinstance(request, dict):
        raise refuse(f"{path} must be a JSON object")
    _known(request, ("headerContentType",), refuse)
    kind = request.get("headerContentType")
    plain = kind.partition(";")[0].strip().lower() if isinstance(kind, str) and kind.isprintable() else ""
    if plain not in types:
        raise refuse(f"{path}.headerContentType must be one of: {', '.join(types)}")


def _object(text: str, refuse: Refuse) -> Tree:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(f"failed to parse JSON. {error}") from None
    if not isinstance(document, dict):
        raise refuse("failed to parse JSON. It must be an object")
    return document


def _known(given: Tree, names: tuple[str, ...], refuse: Refuse) -> None:
    for name in given:
        if name not in names:
            raise refuse(f"Unexpected JSON member: {name}")


def _refusals(say: str) -> Refuse:
    return lambda reason: InvalidParameterException(f"Invalid parameter: {say}DeliveryPolicy: {reason}")


def _json(tree: Tree) -> str:
    return json.dumps(tree, separators=(",", ":"))

"""A bucket's CORS rules, and what they say of a page's request.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from collections.abc import Iterable
from typing import Any

from . import errors
from .limits import CORS_RULES_LIMIT

_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")


def check(configuration: dict[str, Any]) -> None:
    """Refuse rules that a bucket can't have."""
    rules = configuration.get("CORSRules") or []
    if not 1 <= len(rules) <= CORS_RULES_LIMIT:
        raise errors.MalformedXML
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in _METHODS:
                raise errors.InvalidRequest("Found unsupported HTTP method in CORS config. Unsupported "
                                            "method is "
                                            f"{method}")
        for origin in rule["AllowedOrigins"]:
            if origin.count("*") > 1:
                raise errors.InvalidRequest(f'AllowedOrigin "{origin}" can not have more than one wildcard.')
        for header in rule.get("AllowedHeaders") or ():
            if header.count("*") > 1:
                raise errors.InvalidRequest(f'AllowedHeader "{header}" can not have more than one wildcard.')


def answer(configuration: dict[str, Any], origin: str, method: str,
           asked: Iterable[str] = ()) -> dict[str, str] | None:
    """The headers that let a page of ``origin`` in; None if no rule does.

    >>> rules = {"CORSRules": [{"AllowedOrigins": ["https://*.example.com"], "AllowedMethods": ["GET"]}]}
    >>> answer(rules, "https://www.example.com", "GET")["access-control-allow-origin"]
    'https://www.example.com'
    >>> answer(rules, "https://www.example.com", "PUT") is None
    True
    """
    for rule in configuration["CORSRules"]:
        pattern = next((one for one in rule["AllowedOrigins"] if _like(origin, one)), None)
        if pattern is None or method not in rule["AllowedMethods"]:
            continue
        headers = [name.lower() for name in rule.get("AllowedHeaders") or ()]
        if not all(any(_like(name.lower(), one) for one in headers) for name in asked):
            continue
        found = {"access-control-allow-origin": "*" if pattern == "*" else origin,
                 "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
                 "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}
        if pattern != "*":
            found["access-control-allow-credentials"] = "true"
        if asked:
            found["access-control-allow-headers"] = ", ".join(asked)
        if rule.get("ExposeHeaders"):
            found["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
        if rule.get("MaxAgeSeconds") is not None:
            found["access-control-max-age"] = str(rule["MaxAgeSeconds"])
        return found
    return None


def _like(value: str, pattern: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return value == pattern
    return value.startswith(head) and value.endswith(tail) and len(value) >= len(head) + len(tail)

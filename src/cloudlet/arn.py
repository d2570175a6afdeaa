"""Amazon Resource Names, taken apart and put together.

>>> Arn.parse("arn:aws:sqs:us-east-1:000000000000:orders").resource
'orders'
>>> str(Arn("sqs", "us-east-1", "000000000000", "orders"))
'arn:aws:sqs:us-east-1:000000000000:orders'
"""

import re
from functools import lru_cache
from typing import NamedTuple


class Arn(NamedTuple):
    """The name of one thing in the cloud."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    @classmethod
    @lru_cache(maxsize=4096)
    def parse(cls, text: str) -> "Arn":
        """Take an ARN apart; ValueError if it is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"not an ARN: {text!r}")
        return cls(parts[2], parts[3], parts[4], parts[5], parts[1])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def is_called(found: str, name: str) -> bool:
    """Whether ``found`` (an ARN, a URL or a name) is of the resource that ``name`` (an ARN or a name) names.

    >>> is_called("arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2024", "orders")
    True
    >>> is_called("/aws/lambda/orders", "orders")
    False
    >>> is_called("http://127.0.0.1:4566/000000000000/orders", "arn:aws:sqs:us-east-1:000000000000:orders")
    True
    """
    if "://" in found:
        found = found.rpartition("/")[2]
    if name.startswith("arn:") and not found.startswith("arn:"):
        found, name = name, found
    if found == name or name.startswith("arn:") or not found.startswith("arn:"):
        return found == name
    resource = found.split(":", 5)[-1]
    kind, *parts = re.split("[:/]", resource)
    return name in (parts[0], parts[-1], resource[len(kind) + 1 :]) if parts else name == kind

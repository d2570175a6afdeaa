"""Amazon Resource Names, taken apart and put together.

>>> Arn.parse("arn:aws:sqs:us-east-1:000000000000:orders").resource
'orders'
>>> str(Arn("sqs", "us-east-1", "000000000000", "orders"))
'arn:aws:sqs:us-east-1:000000000000:orders'
"""

from typing import NamedTuple


class Arn(NamedTuple):
    """The name of one thing in the cloud."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    @classmethod
    def parse(cls, text: str) -> "Arn":
        """Take an ARN apart; ValueError if it is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"not an ARN: {text!r}")
        return cls(parts[2], parts[3], parts[4], parts[5], parts[1])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

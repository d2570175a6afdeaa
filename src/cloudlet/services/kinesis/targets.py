"""How a rule, a pipe, a log group's subscription or a table's destination delivers to a stream."""

from ...fabric.targets import Delivery
from ...kernel import Call
from .errors import ProvisionedThroughputExceededException
from .service import kinesis
from .stream import is_foreign, of_arn, permit, require, settings_of
from .writing import draft, exceeded, put


@kinesis.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Write what is delivered as a record, in the transaction of whoever delivers.

    Parameters: ``PartitionKey`` (else the delivery's id, as for a rule) and ``ExplicitHashKey``, as PutRecord
    has them. A stream of another account must let the sender's role do it.
    """
    there, name = of_arn(call, arn)
    stream = require(there, name)
    settings = settings_of(stream)
    if is_foreign(there):
        permit(there, arn, settings.policy, "PutRecord")
    given = delivery.parameters
    one = draft(there, settings, delivery.body, given.get("PartitionKey") or delivery.id,
                given.get("ExplicitHashKey"))
    shard, number = put(there, stream, [one])[0]
    if number is None:
        raise ProvisionedThroughputExceededException(exceeded(there, stream, shard))

"""The Kinesis service. Records lie in the fabric's shards; what else a stream has is in :mod:`.stream`."""

from ...fabric.shards import Shards
from ...kernel import Service

kinesis = Service("kinesis", harmless={"*.StreamId": "AWS has reserved it for later, and heeds it no more"})
streams = Shards(kinesis.name)

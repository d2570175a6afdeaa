"""Kinesis's quotas, each as AWS documents it.

https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. How often operations of control
may be called (five times a second, most of them) is not held here.
"""

LARGE_REGIONS = frozenset({"us-east-1", "us-west-2", "eu-west-1"})
SHARDS = (20_000, 1_000)  # open in an account, in the large regions and elsewhere
ON_DEMAND_STREAMS = 50
ON_DEMAND_SHARDS = (10_000, 200)  # of one stream: 10 GB and 200 MB a second
ON_DEMAND_AT_FIRST = 4
DOUBLING_MS = 15 * 60_000  # in which traffic to a stream on demand may double, and no more
MODE_CHANGES = 2  # of a stream, in a day
SHARD_COUNT_CHANGES = 10  # likewise
SHARD_COUNT = 10_000  # that UpdateShardCount gives a stream
DAY_MS = 24 * 3_600_000

KEPT_HOURS = (24, 8760)
RECORD_KIB = (1024, 10_240)  # of a record with its key: the default, and the most that a stream may wish
REQUEST_BYTES = 10 << 20  # of one PutRecords
WRITES = (1000, 1 << 20)  # records and bytes to a shard, in a second
BURST_BYTES = 10 << 20  # that records above 1 MiB may take at once
READS = (5, 2 << 20)  # GetRecords and bytes from a shard, in a second
GET_BYTES = 10 << 20  # of one GetRecords
GET_RECORDS = 10_000
ITERATOR_MS = 5 * 60_000
TOKEN_MS = 5 * 60_000

STREAMS_PAGE = 100
SHARDS_DESCRIBED = 100  # by one DescribeStream
SHARDS_PAGE = 1000
CONSUMERS_PAGE = 100
CONSUMERS = 20  # of a stream
TAGS = 50
SUBSCRIPTION_MS = 5 * 60_000
SUBSCRIPTION_HELD_MS = 5000  # before another may take its place
SUBSCRIPTION_PULSE_MS = 5000  # between events without records
EVENT_BYTES = 1 << 20

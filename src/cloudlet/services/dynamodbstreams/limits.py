"""DynamoDB Streams' quotas, each as AWS documents it."""

STREAMS = 100  # of one ListStreams
SHARDS = 100  # of one DescribeStream
RECORDS = 1000  # of one GetRecords
RECORDS_BYTES = 1 << 20
ITERATOR_MS = 15 * 60_000

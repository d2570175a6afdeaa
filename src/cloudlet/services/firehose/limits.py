"""Amazon Data Firehose's quotas; those of a record (1,000 KiB) and of a batch (500 records) are the model's.

Source: https://docs.aws.amazon.com/firehose/latest/dev/limits.html
"""

BATCH_BYTES = 4 << 20  # of all records of a PutRecordBatch
LIST_PAGE = 10
TAGS = 50
BUFFER_MB, BUFFER_S = 5, 300  # unless the destination says otherwise
PROCESSING_MB, PROCESSING_S = 1.0, 60  # what a function is handed at once
PROCESSING_MB_RANGE = (0.2, 3.0)
PROCESSING_RETRIES = 3
PARTITIONED_MB_LEAST = 64  # a buffer's size, with dynamic partitioning
PARTITION_RETRY_S = 300  # that a partition is tried before it is a failure
PARTITIONS = 500  # that are filling at a time
DEAGGREGATED = 500  # records that may be packed in one
PREFIX_LONGEST = 512  # characters of a prefix without expressions
RETENTION_MS = 24 * 3_600_000  # that a delivery is tried
ENDPOINT_RECORDS = 10_000  # of one request
ENDPOINT_TIMEOUT_S = 180
ENDPOINT_RETRY_S = 300
ENDPOINT_ANSWER_BYTES = 1 << 20
UNPACKED_BYTES = 64 << 20  # that one record may unpack to

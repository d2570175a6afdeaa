"""Lambda's quotas. Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

SYNC_PAYLOAD = 6_291_556  # bytes of a request to Invoke
STREAMED_RESPONSE = 209_715_200  # bytes of a response that is streamed
ASYNC_PAYLOAD = 1_048_576  # bytes of an asynchronous event
ZIP_SIZE = 52_428_800  # bytes of a package in a request
UNZIPPED_SIZE = 262_144_000  # bytes, layers included
ENVIRONMENT = 4_096  # bytes of all environment variables
CODE_STORAGE = 80_530_636_800  # bytes of all packages of an account and region, zipped
LAYERS = 5
NAME = 64  # characters of a function's name
TIMEOUT_S = 900
MEMORY_MB = 10_240
TMP_MB = 10_240
SNAPSHOT_TMP_MB = 512  # of a function with SnapStart
TAGS = 50  # of a function or a mapping
TAG_KEY = 128
TAG_VALUE = 256
CONCURRENCY = 1_000  # at once, in an account and region
UNRESERVED = 100  # of them no function may reserve
POLICY = 20_480  # bytes of a resource-based policy
ASYNC_RETRIES = 2
ASYNC_AGE_S = 21_600
RETRY_DELAYS_MS = (60_000, 120_000)  # before the second and the third attempt
THROTTLED_DELAY_MS = (1_000, 300_000)  # the first and the longest pause of an event that finds no place
RECURSION = 16  # calls of a function by one chain of events
ERROR_MESSAGE = 1_024  # bytes of an error in a dead letter
"""Event source mappings."""
SQS_BATCH = 10_000
SQS_BATCH_WITHOUT_WINDOW = 10
MAPPING_CONCURRENCY = (2, 1_000)
"""Durable functions. Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html"""
DURABLE_OPERATIONS = 3_000  # of an execution; each retry of a step counts as one
DURABLE_STORAGE = 104_857_600  # bytes of payloads and errors of an execution
DURABLE_PAYLOAD = 1_048_576  # bytes of an operation's payload
DURABLE_ERROR = 1_048_576  # bytes of an error
DURABLE_CHAINED_PAYLOAD = 1_048_576  # bytes into and out of a function that an execution invokes
DURABLE_OUTPUT = 6_291_456  # bytes of the result of an execution that somebody waits for
DURABLE_RETENTION_DAYS = 14
DURABLE_LONGEST_DAYS = 366  # of an execution, however long it is paused
DURABLE_PAGE = 100  # operations, events or executions, unless asked otherwise
DURABLE_PAGE_BYTES = 5_242_880  # of operations, in the event of an invocation and in a page
DURABLE_ATTEMPTS = 5  # of an invocation that fails, one after another
DURABLE_PENDING_ATTEMPTS = 3  # of one that waits for nothing
DURABLE_RETRY_MS = (5_000, 10_000, 20_000, 40_000)  # before the second attempt, and so on
DURABLE_TOKEN_MS = 900_000  # that a client token of a pause is remembered
DAY_MS = 86_400_000

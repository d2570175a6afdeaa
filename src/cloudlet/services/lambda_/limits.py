"""Lambda's quotas. Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

SYNC_PAYLOAD = 6_291_556  # bytes of a request to Invoke
STREAMED_RESPONSE = 209_715_200  # bytes of a response that is streamed
ASYNC_PAYLOAD = 1_048_576  # bytes of an asynchronous event
ZIP_SIZE = 52_428_800  # bytes of a package in a request
UNZIPPED_SIZE = 262_144_000  # bytes, layers included
ENVIRONMENT = 4_096  # bytes of all environment variables
LAYERS = 5
TIMEOUT_S = 900
MEMORY_MB = 10_240
TMP_MB = 512  # of /tmp, unless more is asked for
CONCURRENCY = 1_000  # at once, in an account and region
UNRESERVED = 100  # of them no function may reserve
POLICY = 20_480  # bytes of a resource-based policy
ASYNC_RETRIES = 2
ASYNC_AGE_S = 21_600
RETRY_DELAYS_MS = (60_000, 120_000)  # before the second and the third attempt
"""Event source mappings."""
SQS_BATCH = 10_000
SQS_BATCH_WITHOUT_WINDOW = 10
MAPPING_CONCURRENCY = (2, 1_000)

"""CloudWatch Logs' quotas.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
"""

MAX_BATCH = 1_048_576  # bytes of a PutLogEvents, with what each event counts beside its message
EVENT_OVERHEAD = 26  # bytes an event counts beside its message
MAX_EVENT = 1_048_576  # bytes of one event, with its overhead
MAX_SPAN_MS = 24 * 3_600_000  # between the first and the last event of a batch
MAX_AGE_MS = 14 * 86_400_000  # of an event that is put
MAX_AHEAD_MS = 2 * 3_600_000  # that an event's time may lie in the future
MAX_PAGE = 10_000  # events
MAX_PAGE_BYTES = 1_048_576
MAX_SCANNED = 100_000  # events one FilterLogEvents looks at before it hands out a page and a token
MAX_TAGS = 50
MAX_LISTED = 50  # groups or streams of a page
SUBSCRIPTIONS = 2  # of a group
FORWARDED = 524_288  # bytes of messages in one delivery to a subscriber
DESTINATION_POLICY = 5_120  # bytes
TAIL_SESSION_MS = 3 * 3_600_000
TAIL_PULSE_MS = 1000  # between two updates when nothing happens
TAIL_UPDATE = 500  # events in one update of a live tail; more are sampled
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
              3288, 3653)  # days

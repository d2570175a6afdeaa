"""AWS's quotas of SNS, as its API reference, Developer Guide and service quotas state them.

What AWS throttles by the second (publishes, subscribes) is not held here; ``maxReceivesPerSecond`` of a
delivery policy is.
"""

TOPIC_NAME_LONGEST = 256
DISPLAY_NAME_LONGEST = 100
SUBJECT_LONGEST = 100  # characters
MESSAGE_BYTES = 262_144  # unless MaximumMessageSize says otherwise
MESSAGE_BYTES_SET = (1024, 1_048_576)  # what MaximumMessageSize may be set to
SUBSCRIPTIONS_OF_LARGE = 100  # of a topic that takes more than MESSAGE_BYTES
SMS_CHARACTERS = 1600
BATCH_ENTRIES = 10
BATCH_ID_LONGEST = 80
ATTRIBUTE_NAME_BYTES = 256
FIFO_ID_LONGEST = 128
DEDUPLICATION_MS = 300_000
LIST_PAGE = 100
TAGS = 50
TOKEN_MS = 2 * 24 * 3600 * 1000
FILTER_BYTES = 262_144
FILTER_KEYS = 5
FILTER_COMBINATIONS = 150
FILTERS_OF_TOPIC = 200
POLICY_BYTES = 30_720
RETRIES = 100  # numRetries of a delivery policy
DELAY_S = (1, 3600)  # minDelayTarget and maxDelayTarget
RETRYING_S = 3600  # HTTP deliveries are not tried again after that
TIMEOUT_S = 15  # of an HTTP endpoint's answer
ARCHIVE_DAYS = (1, 365)

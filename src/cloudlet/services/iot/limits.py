"""AWS IoT's quotas of rules.

Sources: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#rules-engine-limits. How often and how
long an action is tried AWS does not say; those are ours.
"""

RULES = 1_000
ACTIONS_PER_RULE = 10
SQL_LENGTH = 65_536  # characters; the AWS console says as much of a whole rule's document
TAGS = 50
PAGE = 100
BATCH_RECORDS = 500  # of one message, for an action in batch mode
RETRY_ATTEMPTS = 6
RETRY_PAUSES_MS = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000)

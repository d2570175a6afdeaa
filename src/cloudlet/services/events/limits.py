"""EventBridge's quotas.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html, and the API's model, which
says 1 MB of a request's entries where it said 256 KB before. What throttles by the second is not held here.
"""

BUSES = 100
RULES_PER_BUS = 300
TARGETS_PER_RULE = 5
POLICY_LENGTH = 10_240  # characters of a bus's policy
ENTRIES_BYTES = 1_048_576  # of all entries of one PutEvents
DETAIL_DEPTH = 1_000  # objects and arrays of an event within one another
CONNECTIONS = 3_000
API_DESTINATIONS = 3_000
INVOCATIONS_PER_SECOND = 300  # of an API destination that names no rate
DESTINATION_TIMEOUT_S = 5
ACTIVE_REPLAYS = 10
REPLAY_KEPT_DAYS = 90
RETRY_ATTEMPTS = 185
RETRY_AGE_S = 86_400
TAGS = 50
PAGE = 100

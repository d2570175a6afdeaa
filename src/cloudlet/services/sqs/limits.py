"""AWS's quotas of SQS, as its Developer Guide states them.

What throttles by the second there (300 calls a second and action on a FIFO queue) is not held here:
``FifoThroughputLimit`` lifts a limit that a cloudlet does not have.
"""

NAME_LONGEST = 80
MESSAGE_BYTES = 1_048_576  # also of all messages of a batch together
MESSAGE_BYTES_LEAST = 1024  # what MaximumMessageSize may be set to
BATCH_ENTRIES = 10
BATCH_ID_LONGEST = 80
MESSAGE_ATTRIBUTES = 10
ATTRIBUTE_NAME_LONGEST = 256
RECEIVE_MESSAGES = 10
WAIT_S = 20
DELAY_S = 900
VISIBILITY_S = 43_200
RETENTION_S = (60, 1_209_600)
IN_FLIGHT = 120_000  # FIFO queues too, since November 2024
NOISY_IN_FLIGHT = 30  # messages of one group, from which on it may be noisy
NOISY_PERCENT = 10  # of all that is in flight, above which it is
DEDUPLICATION_MS = 300_000
RECEIVE_ATTEMPT_MS = 300_000
DELETED_RECENTLY_MS = 60_000
PURGE_MS = 60_000
MAX_RECEIVE_COUNT = 1000
REDRIVE_SOURCES = 10  # ARNs that a RedriveAllowPolicy may name
MOVES_PER_SECOND = 500
MOVE_TASKS_KEPT = 10
PERMISSION_ACTIONS = 7
TAGS = 50
LIST_PAGE = 1000

"""AWS's quotas of EventBridge Scheduler.

What AWS raises on request is not held here: a million schedules in a region, and calls by the second.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
"""

GROUPS = 500  # in an account and region
TAGS = 50  # of a group
PAGE = 100
INPUT_BYTES = 262_144
RETRY_ATTEMPTS = 185  # unless a schedule says otherwise
EVENT_AGE_S = 86_400  # unless a schedule says otherwise
START_PAST_MS = 5 * 60_000  # how long ago a StartDate may be
PRECISION_MS = 60_000  # a one-time schedule of the minute that has begun still comes

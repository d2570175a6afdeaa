"""AWS's quotas of Step Functions, as its Developer Guide states them.

Those of a definition and of what runs (payloads, events of a history, concurrency of a Map) stand where the
interpreter does, in :mod:`cloudlet.workflow.failures`. What AWS throttles by the second, and how many state
machines and activities an account may have, is not held here.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

NAME_LONGEST = 80
VERSIONS = 1_000  # of one state machine
ALIASES = 100  # of one state machine
TAGS = 50
INPUT_BYTES = 262_144
KEPT_MS = 90 * 86_400_000  # an execution after its end; its name may be used again after that
REDRIVABLE_MS = 14 * 86_400_000  # after the end of an execution
REDRIVE_EVENTS = 24_999  # of a history that can be continued
EXPRESS_MS = 300_000  # an Express execution may take
POLL_MS = 60_000  # that GetActivityTask waits
PAGE = 100  # of a list, if it isn't said
PAGE_MOST = 1_000
DIAGNOSTICS = 100
LOG_BYTES = 1_000_000  # of one log event; more is cut off
EVENT_BYTES = 248_000  # of input or output in an event on the bus
READ_BYTES = 10 << 30  # of an object whose items a distributed Map reads
TEST_STATE_MS = 300_000

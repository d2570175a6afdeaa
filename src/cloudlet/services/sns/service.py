"""The SNS service: its model and its operations."""

from ...kernel import Service
from ...kernel.front import Front

# a link in a letter confirms and unsubscribes; of a topic, its policy decides
_UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe", "Subscribe", "Publish", "PublishBatch"})

sns = Service("sns", front=Front(unsigned=_UNSIGNED))

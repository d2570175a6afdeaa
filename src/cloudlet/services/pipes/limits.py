"""AWS's quotas of EventBridge Pipes.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-quotas.html and the service's model.
"""

PAYLOAD = 6_291_556 - 1024  # bytes of a batch, as a function can take it
BATCH_OF_QUEUE, BATCH_OF_STREAM = 10, 100  # unless a pipe says otherwise
BATCH_WITHOUT_WINDOW = 10  # of a queue
TAGS = 50
PAGE = 100

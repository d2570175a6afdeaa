"""AWS IoT's quotas of the message broker and its protocols.

Source: https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits. Those by the second
(publishes, connections) are not held here.
"""

PAYLOAD = 131_072  # bytes
TOPIC_BYTES = 256
TOPIC_SLASHES = 7
SUBSCRIPTIONS_PER_REQUEST = 8
SUBSCRIPTIONS_PER_CONNECTION = 50
CLIENT_ID_BYTES = 128
PACKET = 149_504  # bytes
RECEIVE_MAXIMUM = 100  # publishes with QoS 1 that wait for their acknowledgement, in each direction
TOPIC_ALIASES = 8
SESSION_EXPIRY_S = 3_600  # the longest, and what a persistent session of MQTT 3.1.1 has
KEEP_ALIVE_S = (30, 1_200)
USER_PROPERTIES_BYTES = 8_192
CONNECT_S = 30  # how long a connection may stay silent before it says who it is; ours
PAGE = 200
SUBSCRIPTIONS_PAGE = 20

"""API Gateway's quotas for HTTP APIs.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

MAX_BODY = 10 << 20  # bytes of a request or of an answer
MAX_MAPPED_BODY = 100 << 10  # bytes of a request that a path into its body sees
MAX_TIMEOUT_MS = 30_000
DEFAULT_RATE = 10_000.0  # requests a second, where a stage names a burst only
DEFAULT_BURST = 5_000  # requests, where a stage names a rate only
MAX_ROUTES = 300
MAX_INTEGRATIONS = 300
MAX_STAGES = 10
MAX_AUTHORIZERS = 10
MAX_AUTHORIZER_TTL = 3600  # seconds
MAX_TAGS = 50
AUTHORIZER_TIMEOUT_MS = 10_000
KEYS_KEPT_MS = 2 * 3_600_000  # how long an issuer's public keys are kept

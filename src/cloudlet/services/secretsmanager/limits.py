"""Secrets Manager's quotas.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
"""

MAX_VERSIONS = 100  # with those that no staging label names
MAX_STAGES = 20  # staging labels of one version
MAX_TAGS = 50
MAX_PAGE = 100
MAX_BATCH = 20
MIN_WINDOW = 7  # days between DeleteSecret and the end
MAX_WINDOW = 30  # also where DeleteSecret names none

"""Parameter Store's quotas.

Source: https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
"""

MAX_STANDARD_VALUE = 4096  # characters
MAX_ADVANCED_VALUE = 8192  # characters
MAX_LEVELS = 15
MAX_NAME = 1011  # characters, of the name and what the ARN puts before it
MAX_VERSIONS = 100
MAX_LABELS = 10  # of one version
MAX_TAGS = 50
MAX_LISTED = 50
MAX_BY_PATH = 10

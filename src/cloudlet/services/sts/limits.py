"""STS's quotas.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

DEFAULT_ROLE_S = 3600
CHAINED_ROLE_S = 3600  # a role assumed from a role's session
DEFAULT_TOKEN_S = 43_200
ROOT_TOKEN_S = 3600  # the account itself gets no longer sessions
SESSION_POLICY_CHARACTERS = 2048
SESSION_POLICY_ARNS = 10

"""IAM's quotas, as AWS has them by default.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

USERS = 5000
GROUPS = 300
ROLES = 1000
INSTANCE_PROFILES = 1000
POLICIES = 1500
VERSIONS_PER_POLICY = 5
ACCESS_KEYS_PER_USER = 2
GROUPS_PER_USER = 10
ATTACHED_POLICIES = 10  # to one user, group or role
ROLES_PER_INSTANCE_PROFILE = 1
INSTANCE_PROFILES_PER_ROLE = 1000
TAGS = 50
MANAGED_POLICY_CHARACTERS = 6144  # white space does not count, here and below
TRUST_POLICY_CHARACTERS = 2048
INLINE_CHARACTERS = {"user": 2048, "group": 5120, "role": 10_240}  # of all inline policies together

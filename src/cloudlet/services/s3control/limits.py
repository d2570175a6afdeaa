"""The quotas of access points.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points.html
"""

POLICY_LIMIT = 20_480  # bytes of an access point's policy
TAGS_LIMIT = 50  # tags of an access point
PAGE_LIMIT = 1_000  # access points of a page

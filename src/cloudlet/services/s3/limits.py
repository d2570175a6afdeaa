"""S3's quotas, by name.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

INLINE_LIMIT = 32 << 10  # bytes; a smaller body lies in the store, a larger one in a file
KEY_LIMIT = 1024  # bytes of a key in UTF-8
METADATA_LIMIT = 2048  # bytes of names and values of user metadata
OBJECT_LIMIT = 5 << 40  # bytes of an object
PUT_LIMIT = 5 << 30  # bytes of one PutObject, UploadPart or copy
PART_MINIMUM = 5 << 20  # bytes of each part but the last
PARTS_LIMIT = 10_000  # parts of an upload, and the highest part number
PAGE_LIMIT = 1000  # entries of one page of a listing
DELETE_LIMIT = 1000  # keys of one DeleteObjects
BUCKETS_PAGE = 10_000  # buckets of one page
TAGS_LIMIT, BUCKET_TAGS_LIMIT = 10, 50
TAG_KEY_LIMIT, TAG_VALUE_LIMIT = 128, 256
POLICY_LIMIT = 20 << 10  # bytes of a bucket policy
RULES_LIMIT = 1000  # lifecycle rules
CORS_RULES_LIMIT = 100
GRANTS_LIMIT = 100
FORM_FIELDS_LIMIT = 20 << 10  # bytes of a form before its file
LOG_DELIVERY_MS = 5 * 60_000  # from the first record that waits until an access log is delivered
LOG_RECORDS = 10_000  # records of one object of an access log
DELIVERY_ATTEMPTS = 20  # tries to deliver a notification, over about a day
# until an object is restored at the latest, by its storage class and the tier
RESTORE_HOURS: dict[str, dict[str, float]] = {
    "GLACIER": {"Expedited": 5 / 60, "Standard": 5, "Bulk": 12}, "DEEP_ARCHIVE": {"Standard": 12, "Bulk": 48}}
TRANSITION_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}  # that an object is older at least
TRANSITION_MINIMUM = 128 << 10  # bytes of an object that is moved, unless its rule speaks of sizes
REPLICATION_RULES_LIMIT = 1000

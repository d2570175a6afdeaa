"""What buckets and keys may be called.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

import re

from . import errors
from .limits import KEY_LIMIT

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def is_bucket_name(name: str) -> bool:
    """Whether a new bucket may be called so.

    >>> [is_bucket_name(name) for name in ("my-bucket", "My", "a..b", "192.168.1.1", "ab")]
    [True, False, False, False, False]
    """
    return bool(_NAME.fullmatch(name)) and ".." not in name and not _ADDRESS.fullmatch(name) \
        and not name.startswith(_PREFIXES) and not name.endswith(_SUFFIXES)


def check_key(key: str) -> bytes:
    """The key as it is ordered, if it is one."""
    raw = key.encode("utf-8", "surrogatepass")
    if len(raw) > KEY_LIMIT:
        raise errors.KeyTooLongError(Size=len(raw), MaxSizeAllowed=KEY_LIMIT)
    return raw

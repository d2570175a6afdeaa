"""Which object of S3 a URL names.

>>> object_of("https://artifacts.s3.eu-west-1.amazonaws.com/a/template.yaml")
('artifacts', 'a/template.yaml')
>>> object_of("http://127.0.0.1:4566/artifacts/template.yaml")
('artifacts', 'template.yaml')
"""

import re
from urllib.parse import unquote, urlsplit

_BUCKET_HOST = re.compile(r"(?P<bucket>.+)\.s3([.-][a-z0-9-]+)*\.(amazonaws\.com(\.cn)?|localhost(\..+)?)")


def object_of(url: str) -> tuple[str, str] | None:
    """Bucket and key; None if the URL names none."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        return (parts.netloc, path) if path else None
    match = _BUCKET_HOST.fullmatch(host)
    if match:
        return (match["bucket"], path) if path else None
    bucket, _, key = path.partition("/")
    return (bucket, key) if bucket and key and parts.scheme in ("http", "https") else None

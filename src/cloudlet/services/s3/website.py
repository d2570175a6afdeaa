"""Static websites: a bucket's objects as pages, with index and error documents and redirects.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any
from urllib.parse import quote, unquote

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...wire.http import Request, Response
from . import access, access_logs, errors, log_records
from .nouns import configuration, configure, find_bucket
from .service import s3

_HEADERS = {"CacheControl": "cache-control", "ContentDisposition": "content-disposition",
            "ContentEncoding": "content-encoding", "ContentLanguage": "content-language",
            "ContentType": "content-type",
            "ETag": "etag", "Expires": "expires", "ContentRange": "content-range",
            "AcceptRanges": "accept-ranges"}
_STATUSES = {"NoSuchKey": 404, "NoSuchBucket": 404, "AccessDenied": 403, "InvalidRange": 416,
             "NotModified": 304,
             "NoSuchWebsiteConfiguration": 404, "PreconditionFailed": 412}
Site = dict[str, Any]


@s3.operation
def put_bucket_website(call: Call, bucket: str, website_configuration: Site,
                       expected_bucket_owner: str | None = None) -> None:
    """Let a bucket be a website."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketWebsite")
    elsewhere = website_configuration.get("RedirectAllRequestsTo")
    if elsewhere is not None and len(website_configuration) > 1:
        raise errors.InvalidArgument("RedirectAllRequestsTo cannot be provided in conjunction with other "
                                     "Routing Rules.")
    suffix = (website_configuration.get("IndexDocument") or {}).get("Suffix") or ""
    if elsewhere is None and (not suffix or "/" in suffix):
        raise errors.InvalidArgument("The IndexDocument Suffix is not well formed",
                                     ArgumentName="IndexDocument",
                                     ArgumentValue=suffix)
    configure(call, found, "website", website_configuration)


@s3.operation
def get_bucket_website(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> Site:
    """How a bucket is a website."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketWebsite")
    held: Site | None = configuration(call, found, "website")
    if held is None:
        raise errors.NoSuchWebsiteConfiguration(BucketName=bucket)
    return held


@s3.operation
def delete_bucket_website(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Let a bucket be no website."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:DeleteBucketWebsite")
    configure(call, found, "website", None)


@s3.site("s3-website")
@s3.site("s3-website-us-east-1")
async def visit(call: Conversation, name: str, request: Request) -> Response:
    """Answer a visitor; what he may read is what anybody may."""
    heard = access_logs.heard_of(call, request, log_records.WEBSITE)
    heard.params = {"Bucket": name, "Key": unquote(request.path).removeprefix("/")}
    return await access_logs.recorded(call, heard, _visit(call, name, request))


async def _visit(call: Conversation, name: str, request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        return _page(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    key = unquote(request.path).removeprefix("/")
    try:
        site: Site | None = await call.transact(
            lambda call: configuration(call, find_bucket(call, name), "website"))
        if site is None:
            raise errors.NoSuchWebsiteConfiguration(BucketName=name)
    except AwsError as error:
        return _page(404, error.code, str(error))
    redirect = _redirect(site, key, request, None)
    if redirect is not None:
        return redirect
    try:
        return await _object(call, name, _document(site, key), request)
    except AwsError as error:
        return await _instead(call, name, site, key, request, error)


async def _instead(call: Conversation, name: str, site: Site, key: str, request: Request,
                   error: AwsError) -> Response:
    """What a visitor gets where there is nothing to read."""
    if error.status == 304:
        return Response(304, {**error.headers})
    redirect = _redirect(site, key, request, error)
    if redirect is not None:
        return redirect
    if key and not key.endswith("/"):
        try:
            await call.invoke("s3", "HeadObject", Bucket=name, Key=_document(site, key + "/"))
            return Response(302, {"location": f"/{quote(key)}/"})
        except AwsError:
            pass
    status = _STATUSES.get(error.code, 400)
    document = (site.get("ErrorDocument") or {}).get("Key")
    if document:
        try:
            response = await _object(call, name, document, None)
            response.status = status
            return response
        except AwsError:
            pass
    return _page(status, error.code, str(error))


async def _object(call: Conversation, name: str, key: str, request: Request | None) -> Response:
    asked: dict[str, Any] = {}
    headers = request.headers if request else {}
    for header, member in (("range", "Range"), ("if-none-match", "IfNoneMatch"), ("if-match", "IfMatch")):
        if header in headers:
            asked[member] = headers[header]
    found = await call.invoke("s3", "GetObject", Bucket=name, Key=key, **asked)
    to = found.get("WebsiteRedirectLocation")
    if to:
        return Response(301, {"location": to})
    body: bytes | AsyncIterator[bytes] = found["Body"]
    modified = format_datetime(datetime.fromtimestamp(int(found["LastModified"]), UTC), usegmt=True)
    shown: dict[str, str | list[str]] = {
        "last-modified": modified, "content-length": str(found["ContentLength"]),
        **{header: str(found[member]) for member, header in _HEADERS.items() if found.get(member)},
        **{f"x-amz-meta-{key}": value for key, value in found["Metadata"].items()}}
    return Response(206 if "ContentRange" in found else 200, shown, body)


def _document(site: Site, key: str) -> str:
    if key and not key.endswith("/"):
        return key
    return key + str((site.get("IndexDocument") or {}).get("Suffix", ""))


def _redirect(site: Site, key: str, request: Request, error: AwsError | None) -> Response | None:
    """Where the site's rules send the visitor: before reading (``error`` None), or because of an error."""
    everything = site.get("RedirectAllRequestsTo")
    if everything:
        scheme = everything.get("Protocol") or "http"
        return Response(301, {"location": f"{scheme}://{everything['HostName']}/{quote(key)}"})
    for rule in site.get("RoutingRules") or ():
        when, to = rule.get("Condition") or {}, rule["Redirect"]
        prefix, code = when.get("KeyPrefixEquals") or "", when.get("HttpErrorCodeReturnedEquals")
        if (code is None) != (error is None) or not key.startswith(prefix):
            continue
        if error is not None and str(_STATUSES.get(error.code, 400)) != str(code):
            continue
        target = to.get("ReplaceKeyWith")
        if target is None:
            instead = to.get("ReplaceKeyPrefixWith")
            target = key if instead is None else instead + key[len(prefix):]
        host = to.get("HostName") or request.headers.get("host", "")
        return Response(int(to.get("HttpRedirectCode") or 301),
                        {"location": f"{to.get('Protocol') or 'http'}://{host}/{quote(target)}"})
    return None


def _page(status: int, code: str, message: str) -> Response:
    title = f"{status} {code}"
    html = (f"<html>\n<head><title>{escape(title)}</title></head>\n<body>\n<h1>{escape(title)}</h1>\n"
            f"<ul>\n<li>Code: {escape(code)}</li>\n<li>Message: "
            f"{escape(message)}</li>\n</ul>\n</body>\n</html>\n")
    return Response(status, {"content-type": "text/html; charset=utf-8", "x-amz-error-code": code},
                    html.encode())

"""What browsers send that is no operation: a question before a request of another origin, and a form.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from typing import Any
from urllib.parse import quote, unquote, urlencode
from xml.etree.ElementTree import Element, SubElement

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...kernel.witnesses import Heard
from ...wire import restxml, xml
from ...wire.http import Request, Response
from . import access_logs, checksums, cors, errors, post_policy, sealing, tags
from .drafts import Wish
from .encryption import Asked, CustomerKey
from .multipart_form import Form
from .nouns import Bucket, Object, buckets, configuration, find_bucket
from .objects import Incoming, admit, take
from .service import s3

_PERMITTED = {"acl": "acl", "cache-control": "cache_control", "content-disposition": "content_disposition",
              "content-encoding": "content_encoding", "content-language": "content_language",
              "content-type": "content_type", "expires": "expires", "x-amz-storage-class": "storage_class",
              "x-amz-website-redirect-location": "website_redirect_location"}
_META = "x-amz-meta-"
_READS = ("GET", "HEAD")
_NO_ORIGIN = "Insufficient information. Origin request header needed."
_ENCRYPTION = "x-amz-server-side-encryption"


@s3.origin
async def origin(call: Conversation, request: Request) -> tuple[Response | None, dict[str, str] | None]:
    """The answer to a preflight, and what lets a page of that origin read an answer."""
    bucket, page = _bucket_of(request), request.headers.get("origin")
    preflight = request.method == "OPTIONS"
    if page is None:
        return restxml.render_error(errors.BadRequest(_NO_ORIGIN), s3.model, call.id), None
    rules = await call.transact(lambda call: _rules(call, bucket))
    if rules is None:
        return None, None
    if preflight and "access-control-request-method" not in request.headers:
        error: AwsError = errors.BadRequest("Invalid Access-Control-Request-Method: null")
        return restxml.render_error(error, s3.model, call.id), None
    asked = request.headers.get("access-control-request-headers", "") if preflight else ""
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    wanted = request.headers.get("access-control-request-method", request.method)
    allowed = cors.answer(rules, page, wanted, names)
    if preflight and allowed is None:
        error = errors.AccessForbidden(Method=wanted, ResourceType="BUCKET")
        return restxml.render_error(error, s3.model, call.id), None
    if allowed is None and request.method in _READS:
        return None, {}  # it is answered, and the browser keeps the answer from the page
    return (Response(200, {**allowed}) if preflight and allowed else None), allowed


@s3.upload
async def upload(call: Conversation, request: Request) -> Response:
    """Put the file of a form."""
    heard = access_logs.heard_of(call, request, "PostObject")
    return await access_logs.recorded(call, heard, _answer(call, request, heard))


async def _answer(call: Conversation, request: Request, heard: Heard) -> Response:
    try:
        return await _upload(call, _bucket_of(request), request, heard)
    except AwsError as error:
        heard.error = error
        return restxml.render_error(error, s3.model, call.id)


def _bucket_of(request: Request) -> str:
    return unquote(request.path[1:].partition("/")[0])


async def _upload(call: Conversation, bucket: str, request: Request, heard: Heard) -> Response:
    """Put the file of a form."""
    form = Form(request)
    await form.read_fields()
    fields = form.fields
    if "key" not in fields:
        raise errors.InvalidArgument("Bucket POST must contain a field named 'key'.  If it is specified, "
                                     "please check "
                                     "the order of the fields.", ArgumentName="key", ArgumentValue="")
    key = fields["key"] = fields["key"].replace("${filename}", form.filename)
    signer = await call.transact(lambda call: post_policy.signer_of(call, fields, request.guest))
    limits = post_policy.Limits()
    if "policy" in fields:
        limits = post_policy.check(fields["policy"], fields, bucket, call.now_ms)
    heard.params, heard.principal = {"Bucket": bucket, "Key": key}, signer
    account = call.account if signer.kind == "anonymous" else signer.account
    there = call.elsewhere(principal=signer, account=account)
    wish = _wish(fields, call.ids.bytes(sealing.KEY_BYTES))
    given = checksums.of_members(*(fields.get(f"x-amz-checksum-{name.lower()}")
                                   for name in checksums.ALGORITHMS))
    body = Request("POST", request.path, "", {}, stream=form)

    def prepare(call: Call) -> tuple[Bucket, Object]:
        payer = fields.get("x-amz-request-payer")
        return admit(call, find_bucket(call, bucket, payer=payer), key, wish)

    result = await take(there, Incoming(body, given, fields.get("content-md5")), prepare,
                        lambda _, size: limits.check(size), key, wish.secret, "s3:ObjectCreated:Post")
    return _done(there, bucket, key, fields, result)


def _wish(fields: dict[str, str], secret: bytes) -> Wish:
    known: dict[str, Any] = {name: fields[field] for field, name in _PERMITTED.items() if field in fields}
    metadata = {name[len(_META):]: value for name, value in fields.items() if name.startswith(_META)}
    customer = CustomerKey(*(fields.get(f"{_ENCRYPTION}-customer-{name}")
                             for name in ("algorithm", "key", "key-md5")))
    asked = Asked(fields.get(_ENCRYPTION), fields.get(f"{_ENCRYPTION}-aws-kms-key-id"),
                  fields.get(f"{_ENCRYPTION}-context"), None, customer)
    wish = Wish(**known, metadata=metadata, encryption=asked, secret=secret)
    if "tagging" in fields:
        document = xml.read_members(xml.load(fields["tagging"].encode()), s3.model.shape("Tagging"))
        wish.tagging = urlencode(tags.of_document(document.get("TagSet") or []))
    return wish


def _done(call: Conversation, bucket: str, key: str, fields: dict[str, str],
          result: dict[str, Any]) -> Response:
    """What the form asked to be answered."""
    headers: dict[str, str | list[str]] = {"etag": result["ETag"], "x-amz-request-id": call.id}
    if result["VersionId"]:
        headers["x-amz-version-id"] = result["VersionId"]
    location = f"{call.use(Place).endpoint}/{bucket}/{quote(key)}"
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect:
        told = urlencode({"bucket": bucket, "key": key, "etag": result["ETag"]}, quote_via=quote)
        headers["location"] = f"{redirect}{'&' if '?' in redirect else '?'}{told}"
        return Response(303, headers)
    headers["location"] = location
    status = fields.get("success_action_status")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    root = Element("PostResponse")
    for name, text in (("Location", location), ("Bucket", bucket), ("Key", key), ("ETag", result["ETag"])):
        SubElement(root, name).text = xml.speakable(text)
    return Response(201, {**headers, "content-type": "application/xml"}, xml.dump(root))


def _rules(call: Call, name: str) -> dict[str, Any] | None:
    bucket = buckets.get(call, name)
    return configuration(call, bucket, "cors") if bucket else None

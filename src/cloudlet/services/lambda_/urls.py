"""Function URLs: what is configured. Their visitors are :mod:`.url_visits`'."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ...kernel import Call
from ...kernel.place import Place
from ...store import Table
from .errors import ResourceConflictException, ResourceNotFoundException
from .records import Name, arn_of, name_of, offset_of, version
from .service import lambda_

Config = dict[str, Any]


class Url(msgspec.Struct):
    """A function's URL; ``id`` is the first part of its host."""

    id: str
    function: str
    qualifier: str
    created_ms: int
    modified_ms: int
    cors: Config = {}
    auth: str = "NONE"
    mode: str = "BUFFERED"


class Owner(msgspec.Struct):
    """Whose URL it is."""

    account: str
    region: str
    function: str
    qualifier: str


urls = Table("lambda.urls", Url)
owners = Table("lambda.url-owners", Owner, reach="global")


@lambda_.operation
def create_function_url_config(call: Call, function_name: str, auth_type: str, qualifier: str | None = None,
                               cors: Config | None = None, invoke_mode: str = "BUFFERED") -> Config:
    """Give a function a URL."""
    name = _existing_function(call, name_of(call, function_name, qualifier))
    if urls.get(call, name.name, name.qualifier):
        raise ResourceConflictException(
            "Failed to create function url config for "
            f"[functionArn = {arn_of(call, name.name, name.qualifier)}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function",
        )
    record = Url(call.ids.text(32), name.name, name.qualifier, call.now_ms, call.now_ms, cors or {},
                 auth_type, invoke_mode)
    urls.put(call, name.name, name.qualifier, record=record)
    owners.put(call, record.id, record=Owner(call.account, call.region, name.name, name.qualifier))
    made = _shown(call, record)
    del made["LastModifiedTime"]
    return made


@lambda_.operation
def update_function_url_config(
    call: Call,
    function_name: str,
    qualifier: str | None = None,
    auth_type: str | None = None,
    cors: Config | None = None,
    invoke_mode: str | None = None,
) -> Config:
    """Change a function's URL."""
    record = _find(call, _existing_function(call, name_of(call, function_name, qualifier)))
    record.cors = record.cors if cors is None else cors
    record.auth = auth_type or record.auth
    record.mode = invoke_mode or record.mode
    record.modified_ms = call.now_ms
    urls.put(call, record.function, record.qualifier, record=record)
    return _shown(call, record)


@lambda_.operation
def get_function_url_config(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """A function's URL."""
    return _shown(call, _find(call, name_of(call, function_name, qualifier)))


@lambda_.operation
def delete_function_url_config(call: Call, function_name: str, qualifier: str | None = None) -> None:
    """Take a function's URL away."""
    record = _find(call, name_of(call, function_name, qualifier))
    forget(call, record.function, record.qualifier)


@lambda_.operation
def list_function_url_configs(call: Call, function_name: str, marker: str | None = None,
                              max_items: int = 50) -> Config:
    """A function's URLs."""
    name = _existing_function(call, name_of(call, function_name))
    start = offset_of(marker)
    found = [_shown(call, record) for _, record in urls.items(call, name.name)][start:]
    more = {"NextMarker": str(start + max_items)} if len(found) > max_items else {}
    return {"FunctionUrlConfigs": found[:max_items], **more}


def forget(call: Call, function: str, qualifier: str | None = None) -> None:
    """Take the URL of a qualifier away, or those of all (None); no error if there is none."""
    for _, record in list(urls.items(call, function)):
        if qualifier in (None, record.qualifier):
            urls.delete(call, record.function, record.qualifier)
            owners.delete(call, record.id)


def _existing_function(call: Call, name: Name) -> Name:
    try:
        version(call, name.name, name.qualifier)
    except ResourceNotFoundException:
        raise ResourceNotFoundException("Function does not exist") from None
    return name


def _find(call: Call, name: Name) -> Url:
    record = urls.get(call, name.name, name.qualifier)
    if record is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return record


def _shown(call: Call, record: Url) -> Config:
    found: Config = {"FunctionUrl": call.use(Place).site("lambda-url", record.id) + "/",
                     "FunctionArn": arn_of(call, record.function, record.qualifier), "AuthType": record.auth,
                     "CreationTime": _iso(record.created_ms), "LastModifiedTime": _iso(record.modified_ms),
                     "InvokeMode": record.mode}
    if record.cors:
        found["Cors"] = record.cors
    return found


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

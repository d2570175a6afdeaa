"""Documents of schemas: what they must look like, and OpenAPI told as JSON Schema. Pure."""

from typing import Any

import msgspec

from .errors import bad

Document = dict[str, Any]
DRAFT4 = "http://json-schema.org/draft-04/schema#"
_COMPONENTS, _DEFINITIONS = "#/components/schemas/", "#/definitions/"
EVENT = "AWSEvent"


def check(content: str, type: str) -> None:
    """Refuse content that is no schema of that type."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise bad(f"Content is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise bad("Content must be a JSON object.")
    if type == "OpenApi3":
        if not str(document.get("openapi", "")).startswith("3."):
            raise bad("Content is no OpenAPI 3 document: it must say openapi 3.")
        lacking = [name for name in ("info", "paths") if not isinstance(document.get(name), dict)]
        if lacking:
            raise bad(f"Content is no OpenAPI 3 document: it lacks {', '.join(lacking)}.")
    elif "draft-04" not in str(document.get("$schema", "")):
        raise bad("Content is no JSON Schema of draft 4: its $schema must say so.")


def as_json_schema(document: Document) -> Document:
    """An OpenAPI document's schemas as JSON Schema: the event, or the first schema, and what it refers to."""
    components = dict(document.get("components", {}).get("schemas", {}))
    top = EVENT if EVENT in components else next(iter(components), "")
    found = {"$schema": DRAFT4, "title": document.get("info", {}).get("title", top)}
    found |= _turned(components.pop(top, {"type": "object"}))
    if components:
        found["definitions"] = {name: _turned(one) for name, one in components.items()}
    return found


def _turned(value: Any) -> Any:
    if isinstance(value, list):
        return [_turned(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(reference := value.get("$ref"), str):
        return {"$ref": reference.replace(_COMPONENTS, _DEFINITIONS)}
    turned = {name: _turned(one) for name, one in value.items() if name != "nullable"}
    if value.get("nullable") and "type" in turned:
        turned["type"] = [turned["type"], "null"]
    return turned

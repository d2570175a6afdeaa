"""Schemas and their versions: made, shown, changed, deleted, listed, searched, exported."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...kernel import Call
from . import documents, limits
from .errors import bad, taken
from .paging import page
from .records import (
    Schema,
    Version,
    add_version,
    check_name,
    known,
    need_registry,
    need_schema,
    need_version,
    told,
    versions,
)
from .service import schemas

Config = dict[str, Any]


@schemas.operation
def create_schema(call: Call, content: str, registry_name: str, schema_name: str, type: str,
                  description: str | None = None, tags: dict[str, str] | None = None) -> Config:
    """Make a schema with its first version."""
    need_registry(call, registry_name)
    check_name("Schema", schema_name, limits.SCHEMA_NAME_LONGEST)
    documents.check(content, type)
    if known.get(call, registry_name, schema_name) is not None:
        raise taken("Schema", schema_name)
    if sum(1 for _ in known.items(call, registry_name, limit=limits.SCHEMAS_PER_REGISTRY)) >= (
            limits.SCHEMAS_PER_REGISTRY):
        raise bad(f"A registry can have at most {limits.SCHEMAS_PER_REGISTRY} schemas.")
    schema = Schema(registry_name, schema_name, call.arn(f"schema/{registry_name}/{schema_name}"), type,
                    call.now_ms, call.now_ms, description=description or "", tags=tags or {})
    return _shown(schema, add_version(call, schema, content))


@schemas.operation
def describe_schema(call: Call, registry_name: str, schema_name: str,
                    schema_version: str | None = None) -> Config:
    """A schema in one of its versions."""
    schema = need_schema(call, registry_name, schema_name)
    version = need_version(call, schema, schema_version)
    return _shown(schema, version) | {"Content": version.content}


@schemas.operation
def update_schema(call: Call, registry_name: str, schema_name: str, client_token_id: str | None = None,
                  content: str | None = None, description: str | None = None,
                  type: str | None = None) -> Config:
    """Change what is given; other content is a new version, if no request with that token has made it."""
    schema = need_schema(call, registry_name, schema_name)
    latest = need_version(call, schema, None)
    if description is not None:
        schema.description = description
        known.put(call, registry_name, schema_name, record=schema)
    if content is not None and not (client_token_id and client_token_id == latest.token):
        documents.check(content, type or schema.type)
        if content != latest.content or (type or schema.type) != latest.type:
            schema.type = type or schema.type
            latest = add_version(call, schema, content, client_token_id or "")
    return _shown(schema, latest)


@schemas.operation
def delete_schema(call: Call, registry_name: str, schema_name: str) -> None:
    """Delete a schema with all its versions."""
    schema = need_schema(call, registry_name, schema_name)
    for key, _ in list(versions.items(call, registry_name, schema.name)):
        versions.delete(call, *key)
    known.delete(call, registry_name, schema.name)


@schemas.operation
def delete_schema_version(call: Call, registry_name: str, schema_name: str, schema_version: str) -> None:
    """Delete one version of several."""
    schema = need_schema(call, registry_name, schema_name)
    version = need_version(call, schema, schema_version)
    numbers = [one.number for _, one in versions.items(call, registry_name, schema_name)]
    if len(numbers) == 1:
        raise bad("The only version of a schema can't be deleted; delete the schema.")
    versions.delete(call, registry_name, schema_name, version.number)
    if version.number == schema.latest:
        schema.latest = numbers[-2]
        known.put(call, registry_name, schema_name, record=schema)


@schemas.operation
def list_schemas(call: Call, registry_name: str, limit: int | None = None, next_token: str | None = None,
                 schema_name_prefix: str | None = None) -> Config:
    """The schemas of a registry by name."""
    need_registry(call, registry_name)

    def rows(after: str) -> Iterator[tuple[str, Schema]]:
        for _, schema in known.items(call, registry_name, after=(registry_name, after) if after else None):
            if schema.name.startswith(schema_name_prefix or ""):
                yield schema.name, schema

    def show(schema: Schema) -> Config:
        count = sum(1 for _ in versions.items(call, registry_name, schema.name))
        return told(LastModified=schema.modified_ms / 1000, SchemaArn=schema.arn, SchemaName=schema.name,
                    Tags=schema.tags, VersionCount=count)

    return page("Schemas", rows, show, next_token, limit)


@schemas.operation
def list_schema_versions(call: Call, registry_name: str, schema_name: str, limit: int | None = None,
                         next_token: str | None = None) -> Config:
    """The versions of a schema, the newest first."""
    schema = need_schema(call, registry_name, schema_name)

    def rows(after: str) -> Iterator[tuple[str, Version]]:
        before = (registry_name, schema_name, int(after)) if after else None
        for _, one in versions.items(call, registry_name, schema_name, after=before, reverse=True):
            yield str(one.number), one

    return page("SchemaVersions", rows, lambda one: {
        "SchemaArn": schema.arn, "SchemaName": schema.name, "SchemaVersion": str(one.number),
        "Type": one.type},
        next_token, limit)


@schemas.operation
def search_schemas(call: Call, keywords: str, registry_name: str, limit: int | None = None,
                   next_token: str | None = None) -> Config:
    """The schemas that have all the words, in their name, their description or their newest content."""
    need_registry(call, registry_name)
    words = keywords.lower().split()

    def rows(after: str) -> Iterator[tuple[str, Schema]]:
        for _, schema in known.items(call, registry_name, after=(registry_name, after) if after else None):
            text = f"{schema.name}\n{schema.description}\n{need_version(call, schema, None).content}".lower()
            if all(word in text for word in words):
                yield schema.name, schema

    def show(schema: Schema) -> Config:
        found = [one for _, one in versions.items(call, registry_name, schema.name)]
        return {"RegistryName": registry_name, "SchemaArn": schema.arn, "SchemaName": schema.name,
                "SchemaVersions": [{"CreatedDate": one.created_ms / 1000, "SchemaVersion": str(one.number),
                                    "Type": one.type} for one in found]}

    return page("Schemas", rows, show, next_token, limit)


@schemas.operation
def export_schema(call: Call, registry_name: str, schema_name: str, type: str,
                  schema_version: str | None = None) -> Config:
    """A schema in another language: OpenAPI as JSON Schema."""
    schema = need_schema(call, registry_name, schema_name)
    version = need_version(call, schema, schema_version)
    if type != "JSONSchemaDraft4":
        raise bad("Type must be JSONSchemaDraft4.")
    content = version.content
    if version.type != type:
        content = msgspec.json.encode(documents.as_json_schema(msgspec.json.decode(content))).decode()
    return {"Content": content, "SchemaArn": schema.arn, "SchemaName": schema.name,
            "SchemaVersion": str(version.number), "Type": type}


def _shown(schema: Schema, version: Version) -> Config:
    return told(Description=schema.description, LastModified=schema.modified_ms / 1000, SchemaArn=schema.arn,
                SchemaName=schema.name, SchemaVersion=str(version.number), Tags=schema.tags,
                Type=version.type,
                VersionCreatedDate=version.created_ms / 1000)

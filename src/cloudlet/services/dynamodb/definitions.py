"""What a table or an index is asked to be: checked, and as it is kept."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from . import throughputs
from .errors import ValidationException, invalid
from .limits import (
    GLOBAL_INDEXES,
    KEY_ATTRIBUTES,
    KEY_NAME_CHARACTERS,
    LOCAL_INDEXES,
    PROJECTED_ATTRIBUTES,
    TAGS,
)
from .tables import Index, KeyPart, Schema, Throughput

Definitions = dict[str, str]  # from an attribute's name to its type
_TAG = re.compile(r"[\w\s+\-=.:/@]*")


def definitions_of(given: Sequence[Mapping[str, str]] | None) -> Definitions:
    """AttributeDefinitions by name."""
    found: Definitions = {}
    for one in given or ():
        name = one["AttributeName"]
        if name in found:
            raise invalid(f"Duplicate AttributeName in AttributeDefinitions: {name}")
        if not 1 <= len(name) <= KEY_NAME_CHARACTERS:
            raise ValidationException(
                f"1 validation error detected: Value '{name}' at "
                f"'attributeDefinitions.1.member.attributeName' failed to satisfy constraint: Member must "
                f"have length less than or equal to {KEY_NAME_CHARACTERS}, and greater than or equal to 1")
        found[name] = one["AttributeType"]
    return found


def schema_of(given: Sequence[Mapping[str, str]], definitions: Definitions, *,
              several: bool = False, table: bool = False) -> Schema:
    """A KeySchema; only a global index may have ``several`` parts of a kind."""
    names = [one["AttributeName"] for one in given]
    kinds = [one["KeyType"] for one in given]
    if not several and len(given) > 2:
        shown = ", ".join(f"KeySchemaElement(attributeName={name}, keyType={kind})"
                          for name, kind in zip(names, kinds, strict=True))
        raise ValidationException(f"1 validation error detected: Value '[{shown}]' at 'keySchema' failed "
                                  "to satisfy constraint: Member must have length less than or equal to 2")
    missing = [name for name in names if name not in definitions]
    if table and len(names) == 2 and (missing or (names[0] == names[1] and len(definitions) == 1)):
        raise ValidationException("Invalid KeySchema: Some index key attribute have no definition")
    if missing:
        raise invalid("Some index key attributes are not defined in AttributeDefinitions. "
                      f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(definitions)}]")
    if len(set(names)) < len(names):
        raise ValidationException(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
            if len(names) == 2
            else "Several elements in the KeySchema have the same name"
        )
    if kinds[0] != "HASH":
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if not several and len(kinds) == 2 and kinds[1] != "RANGE":
        raise ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if "HASH" in kinds[kinds.count("HASH"):]:
        raise invalid("Invalid KeySchema: all HASH key elements must precede all RANGE key elements")
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > KEY_ATTRIBUTES:
            raise invalid(f"Invalid KeySchema: at most {KEY_ATTRIBUTES} {kind} key attributes are allowed")
    parts = [KeyPart(name, definitions[name]) for name in names]
    count = kinds.count("HASH")
    return Schema(tuple(parts[:count]), tuple(parts[count:]))


def check_definitions_used(definitions: Definitions, schemas: Iterable[Schema]) -> None:
    """Only attributes of keys are defined."""
    used = {part.name for schema in schemas for part in schema.parts}
    if set(definitions) - used:
        raise invalid("Number of attributes in KeySchema does not exactly match number of attributes defined "
                      "in AttributeDefinitions" if len(definitions) and not list(schemas)[1:] else
                      "Some AttributeDefinitions are not used. AttributeDefinitions: "
                      f"[{', '.join(definitions)}], keys used: [{', '.join(sorted(used))}]")


def throughput_of(given: Mapping[str, int] | None, *, on_demand: bool, index: str = "") -> Throughput:
    """ProvisionedThroughput, as the billing mode allows."""
    where = f" for index: {index}" if index else ""
    if on_demand:
        if given is not None and (given["ReadCapacityUnits"] or given["WriteCapacityUnits"]):
            raise invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                          "BillingMode is PAY_PER_REQUEST" if not index else
                          f"ProvisionedThroughput should not be specified{where} when BillingMode is "
                          "PAY_PER_REQUEST")
        return Throughput()
    if given is None:
        raise invalid(f"ProvisionedThroughput must be specified{where}" if index else
                      "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is "
                      "PROVISIONED")
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def most_of(given: Mapping[str, int] | None, *, on_demand: bool) -> tuple[int, int]:
    """OnDemandThroughput: the most request units, -1 for no limit."""
    if given is None:
        return -1, -1
    if not on_demand:
        raise invalid("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
    return given.get("MaxReadRequestUnits", -1), given.get("MaxWriteRequestUnits", -1)


def indexes_of(local: Sequence[Mapping[str, Any]] | None, others: Sequence[Mapping[str, Any]] | None,
               definitions: Definitions, table: Schema, *, on_demand: bool) -> tuple[Index, ...]:
    """LocalSecondaryIndexes and GlobalSecondaryIndexes."""
    for given, name, limit in ((local, "Local", LOCAL_INDEXES), (others, "Global", GLOBAL_INDEXES)):
        if given is not None and not given:
            raise invalid(f"List of {name}SecondaryIndexes is empty")
        if given and len(given) > limit:
            raise invalid(f"{name}SecondaryIndex count exceeds the per-table limit of {limit}")
    found: list[Index] = []
    for one in local or ():
        found.append(local_index(one, len(found) + 1, definitions, table))
    for one in others or ():
        found.append(global_index(one, len(found) + 1, definitions, on_demand=on_demand))
    check_indexes(found)
    return tuple(found)


def check_indexes(indexes: Sequence[Index]) -> None:
    """What holds for all indexes of a table together."""
    names = [index.name for index in indexes]
    for at, name in enumerate(names):
        if name in names[:at]:
            raise invalid(f"Duplicate index name: {name}")
    if sum(len(index.others) for index in indexes) > PROJECTED_ATTRIBUTES:
        raise invalid("Number of projected attributes on all indexes exceeds the limit of "
                      f"{PROJECTED_ATTRIBUTES}")


def local_index(given: Mapping[str, Any], number: int, definitions: Definitions, table: Schema) -> Index:
    """One of LocalSecondaryIndexes."""
    name = given["IndexName"]
    schema = schema_of(given["KeySchema"], definitions)
    if not table.range:
        raise invalid("Table KeySchema does not have a range key, which is required when specifying a "
                      "LocalSecondaryIndex")
    if schema.hash != table.hash:
        raise invalid(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: "
            f"{name}. index hash key: {schema.hash[0].name}, table hash key: {table.hash[0].name}"
        )
    if not schema.range:
        raise invalid(f"Index KeySchema does not have a range key for index: {name}")
    return Index(name, number, schema, True, *_projection(given["Projection"]))


def global_index(given: Mapping[str, Any], number: int, definitions: Definitions, *,
                 on_demand: bool) -> Index:
    """One of GlobalSecondaryIndexes."""
    name = given["IndexName"]
    throughput = throughput_of(given.get("ProvisionedThroughput"), on_demand=on_demand, index=name)
    throughputs.check(throughput, f"index: {name}")
    index = Index(name, number, schema_of(given["KeySchema"], definitions, several=True), False,
                  *_projection(given["Projection"]), throughput,
                  most_of(given.get("OnDemandThroughput"), on_demand=on_demand))
    if given.get("WarmThroughput") is None:
        return index
    now = throughputs.warm((0, 0), throughput, on_demand=on_demand)
    return replace(index, warm=throughputs.warmer(given["WarmThroughput"], now, f"index {name}"))


def _projection(given: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    kind, others = given.get("ProjectionType"), given.get("NonKeyAttributes")
    if kind is None:
        raise invalid("Unknown ProjectionType: null")
    if others is not None and kind != "INCLUDE":
        raise invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not others:
        raise invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not "
                      "specified" if others is None else
                      "NonKeyAttributes must not be empty")
    if others and len(set(others)) < len(others):
        raise invalid("Duplicate value in NonKeyAttributes")
    return kind, tuple(others or ())


def tags_of(given: Sequence[Mapping[str, str]] | None, present: Mapping[str, str] | None = None) -> dict[str,
                                                                                                         str]:
    """Tags by key, added to those present."""
    found = dict(present or {})
    keys = [tag["Key"] for tag in given or ()]
    if len(set(keys)) < len(keys):
        raise ValidationException("Duplicate tag keys are not allowed: "
                                  f"{next(key for key in keys if keys.count(key) > 1)}")
    for tag in given or ():
        if tag["Key"].lower().startswith("aws:"):
            raise ValidationException(f"Tag keys starting with 'aws:' are reserved for system use: "
                                      f"{tag['Key']}")
        for text in (tag["Key"], tag["Value"]):
            if not _TAG.fullmatch(text):
                raise ValidationException(f"Tag keys and values can only contain letters, digits, whitespace "
                                          f"and + - = . _ : / @, not: {text}")
        found[tag["Key"]] = tag["Value"]
    if len(found) > TAGS:
        raise ValidationException(f"Too many tags: a table can have at most {TAGS}")
    return found

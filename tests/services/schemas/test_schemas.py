"""Registries, schemas, versions, and discovery from the events of a bus."""

import json

import pytest
from botocore.exceptions import ClientError

from cloudlet.services.schemas.shapes import merged, shape_of

OPENAPI = {"openapi": "3.0.0", "info": {"version": "1.0.0", "title": "Order"}, "paths": {},
           "components": {"schemas": {"Order": {"type": "object", "properties": {"id": {"type": "string"}}}}}}
DRAFT4 = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}


@pytest.fixture(scope="module")
def schemas(cloudlet):
    """A client."""
    return cloudlet.client("schemas")


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


def test_registries_are_made_changed_listed_and_deleted(schemas, refused):
    made = schemas.create_registry(RegistryName="orders", Description="d", Tags={"team": "a"})
    assert (made["RegistryArn"], made["Tags"]) == (
        "arn:aws:schemas:us-east-1:000000000000:registry/orders", {"team": "a"})
    assert refused(schemas.create_registry, RegistryName="orders")[0] == "ConflictException"
    assert refused(schemas.create_registry, RegistryName="aws.orders")[0] == "BadRequestException"
    assert schemas.update_registry(RegistryName="orders", Description="e")["Description"] == "e"
    assert [one["RegistryName"]
            for one in schemas.list_registries(RegistryNamePrefix="ord")["Registries"]] == ["orders"]
    schemas.tag_resource(ResourceArn=made["RegistryArn"], Tags={"x": "y"})
    schemas.untag_resource(ResourceArn=made["RegistryArn"], TagKeys=["team"])
    assert schemas.list_tags_for_resource(ResourceArn=made["RegistryArn"])["Tags"] == {"x": "y"}
    schemas.create_schema(RegistryName="orders", SchemaName="s", Type="OpenApi3", Content=json.dumps(OPENAPI))
    assert refused(schemas.delete_registry, RegistryName="orders")[0] == "BadRequestException"
    schemas.delete_schema(RegistryName="orders", SchemaName="s")
    schemas.delete_registry(RegistryName="orders")
    assert refused(schemas.describe_registry, RegistryName="orders") == (
        "NotFoundException", "Registry with name orders does not exist.")


def test_a_schema_has_versions(schemas, refused):
    schemas.create_registry(RegistryName="versions")
    where = {"RegistryName": "versions", "SchemaName": "shop@Order"}
    made = schemas.create_schema(**where, Type="OpenApi3", Content=json.dumps(OPENAPI))
    assert (made["SchemaVersion"], made["SchemaArn"]) == (
        "1", "arn:aws:schemas:us-east-1:000000000000:schema/versions/shop@Order")
    assert schemas.update_schema(**where, Content=json.dumps(OPENAPI))["SchemaVersion"] == "1"
    other = OPENAPI | {"info": {"version": "2", "title": "Order"}}
    for _ in range(2):
        assert schemas.update_schema(**where, Content=json.dumps(other),
                                     ClientTokenId="t")["SchemaVersion"] == "2"
    third = schemas.update_schema(**where, Content=json.dumps(DRAFT4), Type="JSONSchemaDraft4")
    assert (third["SchemaVersion"], third["Type"]) == ("3", "JSONSchemaDraft4")
    assert json.loads(schemas.describe_schema(**where, SchemaVersion="1")["Content"]) == OPENAPI
    first = schemas.list_schema_versions(**where, Limit=2)
    rest = schemas.list_schema_versions(**where, NextToken=first["NextToken"])
    assert [one["SchemaVersion"] for one in first["SchemaVersions"] + rest["SchemaVersions"]] == [
        "3", "2", "1"]
    schemas.delete_schema_version(**where, SchemaVersion="3")
    assert schemas.describe_schema(**where)["SchemaVersion"] == "2"
    assert refused(schemas.describe_schema, **where, SchemaVersion="3")[0] == "NotFoundException"
    listed, = schemas.list_schemas(RegistryName="versions", SchemaNamePrefix="shop")["Schemas"]
    assert (listed["SchemaName"], listed["VersionCount"]) == ("shop@Order", 2)
    for content, type in (("{", "OpenApi3"), ("{}", "OpenApi3"), ("{}", "JSONSchemaDraft4"),
                          ("[]", "OpenApi3")):
        assert refused(schemas.create_schema, RegistryName="versions", SchemaName="x", Type=type,
                       Content=content)[
            0] == "BadRequestException"


def test_schemas_are_searched_and_exported(schemas, refused):
    schemas.create_registry(RegistryName="search")
    for name in ("shop@Order", "shop@Refund"):
        schemas.create_schema(RegistryName="search", SchemaName=name, Type="OpenApi3",
                              Content=json.dumps(OPENAPI),
                              Description=f"about {name}")
    found = schemas.search_schemas(RegistryName="search", Keywords="REFUND about")["Schemas"]
    assert [(one["SchemaName"], one["SchemaVersions"][0]["SchemaVersion"])
            for one in found] == [("shop@Refund", "1")]
    assert schemas.search_schemas(RegistryName="search", Keywords="nothing")["Schemas"] == []
    exported = schemas.export_schema(RegistryName="search", SchemaName="shop@Order", Type="JSONSchemaDraft4")
    assert json.loads(exported["Content"]) == {
        "$schema": "http://json-schema.org/draft-04/schema#", "title": "Order", "type": "object",
        "properties": {"id": {"type": "string"}}}
    assert refused(schemas.put_code_binding, RegistryName="search", SchemaName="shop@Order",
                   Language="Python36")[
        0] == "NotHonoured"


def test_a_discoverer_writes_down_what_events_look_like(cloudlet, schemas, refused):
    events = cloudlet.client("events")
    bus = events.create_event_bus(Name="seen")["EventBusArn"]
    made = schemas.create_discoverer(SourceArn=bus, Description="d")
    assert (made["DiscovererId"], made["State"], made["CrossAccount"]) == (
        "events-event-bus-seen", "STARTED", True)
    rule, = events.list_rules(EventBusName="seen")["Rules"]
    assert rule["ManagedBy"] == "schemas.amazonaws.com"
    assert refused(events.delete_rule, Name=rule["Name"], EventBusName="seen")[0] == "ManagedRuleException"
    assert refused(schemas.create_discoverer, SourceArn=bus)[0] == "ConflictException"

    def put(detail, detail_type="Order Placed"):
        events.put_events(Entries=[{"EventBusName": "seen", "Source": "shop", "DetailType": detail_type,
                                    "Detail": json.dumps(detail)}])
        return schemas.describe_schema(RegistryName="discovered-schemas",
                                       SchemaName=f"shop@{detail_type.replace(' ', '')}")

    first = put({"id": "7", "at": "2024-01-01T00:00:00Z", "lines": [{"sku": "a", "n": 1}], "gift": None})
    assert (first["SchemaVersion"], first["Type"]) == ("1", "OpenApi3")
    components = json.loads(first["Content"])["components"]["schemas"]
    assert components["AWSEvent"]["x-amazon-events-source"] == "shop"
    assert components["AWSEvent"]["x-amazon-events-detail-type"] == "Order Placed"
    assert components["AWSEvent"]["properties"]["detail"] == {"$ref": "#/components/schemas/OrderPlaced"}
    assert components["OrderPlaced"] == {
        "type": "object", "required": ["at", "gift", "id", "lines"], "properties": {
            "at": {"type": "string", "format": "date-time"}, "gift": {"nullable": True},
            "id": {"type": "string"},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Lines"}}}}
    same = {"id": "8", "at": "2024-01-01T00:00:00Z", "lines": [{"sku": "b", "n": 2}] * 3, "gift": None}
    assert put(same)["SchemaVersion"] == "1"
    second = put({"id": "9", "at": "2024-01-01T00:00:00Z", "lines": [{"sku": "b"}], "gift": None,
                  "note": "x"})
    assert second["SchemaVersion"] == "2"
    components = json.loads(second["Content"])["components"]["schemas"]
    placed = components["OrderPlaced"]
    assert "note" in placed["properties"] and "note" not in placed["required"]
    assert components["Lines"]["required"] == ["sku"]
    assert put(same)["SchemaVersion"] == "2"
    schemas.stop_discoverer(DiscovererId="events-event-bus-seen")
    assert put({"other": 1} | same)["SchemaVersion"] == "2"
    assert schemas.start_discoverer(DiscovererId="events-event-bus-seen")["State"] == "STARTED"
    assert put({"other": 1} | same)["SchemaVersion"] == "3"
    exported = json.loads(schemas.export_schema(RegistryName="discovered-schemas",
                                                SchemaName="shop@OrderPlaced",
                                                Type="JSONSchemaDraft4")["Content"])
    assert exported["properties"]["detail"] == {"$ref": "#/definitions/OrderPlaced"}
    assert [one["DiscovererId"] for one in schemas.list_discoverers(SourceArnPrefix=bus)["Discoverers"]] == [
        "events-event-bus-seen"]
    schemas.delete_discoverer(DiscovererId="events-event-bus-seen")
    assert events.list_rules(EventBusName="seen")["Rules"] == []


def test_a_schema_of_some_events_is_what_they_have_in_common(schemas, refused):
    def event(detail):
        return json.dumps({"version": "0", "id": "1", "source": "shop", "detail-type": "Paid", "account": "1",
                           "time": "2024-01-01T00:00:00Z", "region": "r", "resources": [], "detail": detail})

    found = json.loads(schemas.get_discovered_schema(Type="OpenApi3", Events=[
        event({"a": 1, "b": True}), event({"a": "text"})])["Content"])
    assert found["components"]["schemas"]["Paid"] == {
        "type": "object", "required": ["a"], "properties": {
            "a": {"oneOf": [{"type": "number"}, {"type": "string"}]}, "b": {"type": "boolean"}}}
    bare = json.loads(schemas.get_discovered_schema(Type="JSONSchemaDraft4",
                                                    Events=['{"x": [1]}'])["Content"])
    assert bare["properties"] == {"x": {"type": "array", "items": {"type": "number"}}}
    assert refused(schemas.get_discovered_schema, Type="OpenApi3", Events=["{"])[0] == "BadRequestException"


def test_a_shape_merged_with_what_it_has_seen_is_itself():
    values = [{"a": [1, "x", {"b": None}], "c": {}}, {"a": [], "d": {"e": 2.5}}, {"a": [{"f": True}]}, []]
    whole = {}
    for value in values:
        whole = merged(whole, shape_of(value))
    for value in values:
        assert merged(whole, shape_of(value)) == whole


def test_a_template_makes_a_registry_with_a_schema_and_a_discoverer(cloudlet, schemas, refused):
    template = {"Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "modelled"}},
        "Registry": {"Type": "AWS::EventSchemas::Registry", "Properties": {"RegistryName": "built"}},
        "Schema": {"Type": "AWS::EventSchemas::Schema", "Properties": {
            "RegistryName": {"Fn::GetAtt": ["Registry", "RegistryName"]}, "SchemaName": "one",
            "Type": "OpenApi3",
            "Content": json.dumps(OPENAPI)}},
        "Discoverer": {"Type": "AWS::EventSchemas::Discoverer", "Properties": {
            "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}}}}}
    client = cloudlet.client("cloudformation")
    client.create_stack(StackName="model", TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName="model", WaiterConfig={"Delay": 0.1})
    assert schemas.describe_schema(RegistryName="built", SchemaName="one")["SchemaVersion"] == "1"
    template["Resources"]["Schema"]["Properties"]["Content"] = json.dumps(OPENAPI | {"paths": {"/": {}}})
    client.update_stack(StackName="model", TemplateBody=json.dumps(template))
    client.get_waiter("stack_update_complete").wait(StackName="model", WaiterConfig={"Delay": 0.1})
    assert schemas.describe_schema(RegistryName="built", SchemaName="one")["SchemaVersion"] == "2"
    client.delete_stack(StackName="model")
    client.get_waiter("stack_delete_complete").wait(StackName="model", WaiterConfig={"Delay": 0.1})
    assert refused(schemas.describe_registry, RegistryName="built")[0] == "NotFoundException"

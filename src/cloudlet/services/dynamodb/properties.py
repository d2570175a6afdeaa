"""The properties of tables and global tables that have members of their own."""

from typing import Any

import msgspec


class Property(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """A property that has members of its own: what a template may say is what is honoured."""


class AttributeDefinition(Property):
    """One of AttributeDefinitions."""

    attribute_name: str
    attribute_type: str


class KeyElement(Property):
    """One of a KeySchema."""

    attribute_name: str
    key_type: str


class Projection(Property):
    """What an index holds."""

    projection_type: str | None = None
    non_key_attributes: list[str] | None = None


class Provisioned(Property):
    """ProvisionedThroughput."""

    read_capacity_units: int
    write_capacity_units: int


class OnDemand(Property):
    """OnDemandThroughput."""

    max_read_request_units: int | None = None
    max_write_request_units: int | None = None


class Warm(Property):
    """WarmThroughput."""

    read_units_per_second: int | None = None
    write_units_per_second: int | None = None


class GlobalIndex(Property):
    """One of GlobalSecondaryIndexes."""

    index_name: str
    key_schema: list[KeyElement]
    projection: Projection
    provisioned_throughput: Provisioned | None = None
    on_demand_throughput: OnDemand | None = None
    warm_throughput: Warm | None = None


class LocalIndex(Property):
    """One of LocalSecondaryIndexes."""

    index_name: str
    key_schema: list[KeyElement]
    projection: Projection


class StreamSpecification(Property):
    """The table's stream."""

    stream_view_type: str


class TimeToLive(Property):
    """TimeToLiveSpecification."""

    enabled: bool
    attribute_name: str | None = None


class Recovery(Property):
    """PointInTimeRecoverySpecification."""

    point_in_time_recovery_enabled: bool = False
    recovery_period_in_days: int | None = None


class Kinesis(Property):
    """KinesisStreamSpecification."""

    stream_arn: str
    approximate_creation_date_time_precision: str | None = None


class ResourcePolicy(Property):
    """A resource policy, as an object."""

    policy_document: dict[str, Any]

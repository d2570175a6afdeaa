"""The SNS service: its model and its operations."""

from ...kernel import Service

sns = Service("sns")

"""The Step Functions service."""

from ...kernel import Service

stepfunctions = Service("stepfunctions")

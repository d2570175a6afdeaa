"""The SQS service."""

from ...kernel import Service

sqs = Service("sqs")

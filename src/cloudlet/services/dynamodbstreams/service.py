"""The DynamoDB Streams service. DynamoDB itself writes the streams; here they are only read."""

from ...fabric.shards import Shards
from ...kernel import Service

dynamodbstreams = Service("dynamodbstreams")
streams = Shards("dynamodb.changes")

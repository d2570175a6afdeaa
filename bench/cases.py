"""What is measured: a name, the services it needs, its budget, and the requests that make it."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .cloud import Cloud, Recorded, recorded
from .load import fill

ROLE = "arn:aws:iam::000000000000:role/bench"
_MANY = 64  # different requests of one kind, sent in turn
BODY = "hello world"


class Case(NamedTuple):
    """One operation under load. ``budget`` is a ratio to the bare stack's answer at one client."""

    name: str
    services: tuple[str, ...]
    prepare: Callable[[Cloud], Sequence[Recorded]]
    budget: float = 0.0  # times the bare answer
    budget_ms: float = 0.0
    per_s: int = 0  # wanted at 32 clients
    three: bool = False  # send, receive, delete: what is asked depends on what was answered
    peers: bool = True  # whether moto has it too


class Growth(NamedTuple):
    """One operation at two sizes of what it works on: its cost must not grow."""

    name: str
    services: tuple[str, ...]
    sizes: tuple[int, int]
    grow: Callable[[Cloud, int], Sequence[Recorded]]  # makes that size, gives the requests


def send(cloud: Cloud) -> list[Recorded]:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="send")["QueueUrl"]
    return [recorded(sqs, "send_message", QueueUrl=url, MessageBody=BODY)]


def send_receive_delete(cloud: Cloud) -> list[Recorded]:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="three")["QueueUrl"]
    return [
        recorded(sqs, "send_message", QueueUrl=url, MessageBody=BODY),
        recorded(sqs, "receive_message", QueueUrl=url),
        recorded(sqs, "delete_message", QueueUrl=url, ReceiptHandle="HANDLE"),
    ]


def _table(cloud: Cloud, name: str) -> Any:
    client = cloud.client("dynamodb")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return client


def item(n: int) -> dict[str, Any]:
    """The n-th of the items in a table; ten have one partition key."""
    return {
        "pk": {"S": f"user#{n // 10}"},
        "sk": {"N": str(n % 10)},
        "name": {"S": "Ada Lovelace"},
        "age": {"N": "36"},
        "tags": {"L": [{"S": "a"}, {"S": "b"}]},
    }


def put_item(cloud: Cloud) -> list[Recorded]:
    client = _table(cloud, "put")
    return [recorded(client, "put_item", TableName="put", Item=item(n * 7)) for n in range(_MANY)]


def get_item(cloud: Cloud) -> list[Recorded]:
    client = _table(cloud, "get")
    fill(cloud, [recorded(client, "put_item", TableName="get", Item=item(n)) for n in range(_MANY)])
    return [
        recorded(client, "get_item", TableName="get", Key={k: item(n)[k] for k in ("pk", "sk")})
        for n in range(_MANY)
    ]


def query(cloud: Cloud) -> list[Recorded]:
    return grow_table(cloud, 640, "query")


def grow_table(cloud: Cloud, size: int, name: str = "") -> list[Recorded]:
    """A table of ``size`` items, and queries that each find ten of them."""
    name = name or f"table{size}"
    client = _table(cloud, name)
    template = recorded(
        client,
        "batch_write_item",
        RequestItems={name: [{"PutRequest": {"Item": item(n)}} for n in range(25)]},
    )
    batches = []
    for start in range(0, size, 25):
        body = json.dumps(
            {
                "RequestItems": {
                    name: [{"PutRequest": {"Item": item(n)}} for n in range(start, min(start + 25, size))]
                }
            }
        ).encode()
        batches.append(template._replace(body=body))
    fill(cloud, batches)
    step = max(size // 10 // _MANY, 1)
    return [
        recorded(
            client,
            "query",
            TableName=name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"user#{n * step}"}},
        )
        for n in range(_MANY)
    ]


def grow_queue(cloud: Cloud, depth: int) -> list[Recorded]:
    """A queue with ``depth`` messages, and one more."""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"depth{depth}")["QueueUrl"]
    batch = recorded(
        sqs,
        "send_message_batch",
        QueueUrl=url,
        Entries=[{"Id": str(n), "MessageBody": BODY} for n in range(10)],
    )
    fill(cloud, [batch] * (depth // 10))
    return [recorded(sqs, "send_message", QueueUrl=url, MessageBody=BODY)]


def put_event(cloud: Cloud) -> list[Recorded]:
    """An event that one rule of ten sends to a queue."""
    return grow_rules(cloud, 10, "bench")


def grow_rules(cloud: Cloud, rules: int, name: str = "") -> list[Recorded]:
    """A bus with so many rules, and events that one of them sends to a queue."""
    events, sqs, name = cloud.client("events"), cloud.client("sqs"), name or f"rules{rules}"
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                             "Action": "sqs:SendMessage", "Resource": "*"}]}
    sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})
    events.create_event_bus(Name=name)
    for n in range(rules):
        pattern = {"source": ["shop"], "detail-type": [f"Type {n}"]}
        events.put_rule(Name=f"rule{n}", EventBusName=name, EventPattern=json.dumps(pattern))
    queue, mine = f"arn:aws:sqs:us-east-1:000000000000:{name}", min(7, rules - 1)
    events.put_targets(Rule=f"rule{mine}", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue}])
    entry = {"Source": "shop", "DetailType": f"Type {mine}", "Detail": '{"order": 7}', "EventBusName": name}
    return [recorded(events, "put_events", Entries=[entry])]


def _object(size: int, get: bool) -> Callable[[Cloud], list[Recorded]]:
    def prepare(cloud: Cloud) -> list[Recorded]:
        s3 = cloud.client("s3")
        bucket = f"bench-{size}-{'get' if get else 'put'}"
        s3.create_bucket(Bucket=bucket)
        keys = [f"folder/object-{n}" for n in range(_MANY if size < 1 << 20 else 1)]
        if get:
            for key in keys:
                s3.put_object(Bucket=bucket, Key=key, Body=b"x" * size)
            return [recorded(s3, "get_object", Bucket=bucket, Key=key) for key in keys]
        return [recorded(s3, "put_object", Bucket=bucket, Key=key, Body=b"x" * size) for key in keys]

    return prepare


PYTHON = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"
BOTO = "import boto3\n" + PYTHON
CLIENT = "import boto3\nclient = boto3.client('sqs')\n" + PYTHON
NODE = "exports.handler = async () => ({ statusCode: 200, body: 'hello' });\n"


def packed(code: str, runtime: str) -> bytes:
    """A package of one file."""
    archived = io.BytesIO()
    with zipfile.ZipFile(archived, "w") as archive:
        archive.writestr("index.js" if runtime.startswith("node") else "index.py", code)
    return archived.getvalue()


def function(cloud: Cloud, name: str, code: str = PYTHON, runtime: str = "python3.11") -> str:
    """A function; its ARN."""
    client = cloud.client("lambda")
    client.create_function(
        FunctionName=name,
        Role=ROLE,
        Handler="index.handler",
        Runtime=runtime,
        Timeout=30,
        MemorySize=1024,
        Code={"ZipFile": packed(code, runtime)},
    )
    arn: str = client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    return arn


def invoke(cloud: Cloud) -> list[Recorded]:
    function(cloud, "warm")
    return [recorded(cloud.client("lambda"), "invoke", FunctionName="warm", Payload=b"{}")]


def route(cloud: Cloud) -> list[Recorded]:
    """An HTTP API whose every path goes to a function."""
    arn = function(cloud, "routed")
    api = cloud.client("apigatewayv2").create_api(Name="bench", ProtocolType="HTTP", Target=arn)
    cloud.client("lambda").add_permission(
        FunctionName="routed",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    return [Recorded("GET", f"/_site/execute-api/{api['ApiId']}/hello", {"Accept": "*/*"}, b"")]


CASES = (
    Case("SendMessage", ("sqs",), send, budget=3, per_s=5000),
    Case(
        "SendMessage, ReceiveMessage, DeleteMessage: each",
        ("sqs",),
        send_receive_delete,
        budget=3,
        three=True,
    ),
    Case("PutEvents, a rule, a queue", ("events", "sqs"), put_event, budget=9, peers=False),
    Case("PutItem", ("dynamodb",), put_item, budget=3, per_s=5000),
    Case("GetItem", ("dynamodb",), get_item, budget=3, per_s=5000),
    Case("Query, 10 items", ("dynamodb",), query),
    Case("PutObject, 4 KB", ("s3",), _object(4 << 10, False), per_s=3000),
    Case("GetObject, 4 KB", ("s3",), _object(4 << 10, True), per_s=3000),
    Case("PutObject, 4 MB", ("s3",), _object(4 << 20, False)),
    Case("GetObject, 4 MB", ("s3",), _object(4 << 20, True)),
    Case("Invoke, warm, through the API", ("lambda",), invoke, budget_ms=1.0, per_s=2000, peers=False),
    Case(
        "Invoke, warm, through an HTTP API's route",
        ("lambda", "apigatewayv2"),
        route,
        budget_ms=1.5,
        per_s=2000,
        peers=False,
    ),
)
GROWTHS = (
    Growth("SendMessage at depth", ("sqs",), (100, 100_000), grow_queue),
    Growth("PutEvents on a bus with rules", ("events", "sqs"), (10, 1_000), grow_rules),
    Growth("Query in a table of", ("dynamodb",), (1_000, 1_000_000), grow_table),
)

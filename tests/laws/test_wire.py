"""botocore is the oracle: what its client writes we must read, what we write it must read."""

import datetime as dt
import random
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from cloudlet.wire import model
from cloudlet.wire.http import Request
from cloudlet.wire.protocols import WIRES

SERVICES = [
    "sqs", "sns", "dynamodb", "dynamodbstreams", "events", "kinesis", "firehose", "stepfunctions",
    "logs", "secretsmanager", "kms", "ssm", "sts", "iam", "cloudformation", "lambda", "apigatewayv2",
    "apigateway", "scheduler", "pipes", "schemas", "s3", "s3control", "cloudwatch", "cognito-idp",
    "codedeploy", "xray", "appsync", "route53", "cloudfront", "athena", "glue", "ecr", "elasticache",
    "acm", "iot", "iot-data", "batch", "efs", "rds-data", "budgets",
]
EXAMPLES = 3
UNREADABLE = {"GetBucketNotification", "PutBucketNotification"}  # an old form with two members of one name


class Generator:
    """Values of a shape, the same ones at every run."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def value(self, member, depth=0):
        shape = member.shape
        if member.type == "structure":
            return self.structure(shape, depth)
        if member.type == "list":
            return (
                [self.value(shape.item, depth + 1) for _ in range(self.random.randint(1, 2))]
                if depth < 6
                else []
            )
        if member.type == "map":
            fold = str.lower if member.location == "headers" else str  # names of headers have no case
            return (
                {
                    fold(self.text()): self.value(shape.value, depth + 1)
                    for _ in range(self.random.randint(1, 2))
                }
                if depth < 6
                else {}
            )
        if member.type == "string" and member.jsonvalue:
            return {"a": [1, self.text()]}
        return getattr(self, f"a_{member.type}")()

    def structure(self, shape, depth):
        if shape.document:
            return {"x": 1, "y": [None, {"z": "ä"}]}
        # two members of one wire name are a deprecated one and its heir; they are never sent together
        names = {m.shape.item.named if m.flattened and m.shape.item and m.shape.item.named else m.wire: n
                 for n, m in shape.members.items() if not m.shape.eventstream}.values()
        names = [name for name in names if name != "ContentMD5"]  # it would have to be right
        if shape.union and names:
            names = [self.random.choice(names)]
        found = {}
        for name in names:
            member = shape.members[name]
            needed = name in shape.required or member.location == "uri" or shape.union
            if needed or (depth < 3 and self.random.random() < 0.7):
                found[name] = self.value(member, depth + 1)
            if name == "Expires" and name in found and shape.members[name].type == "string":
                found[name] = "Fri, 02 Jan 2026 03:04:05 GMT"
        return found

    def text(self):
        return "".join(self.random.choices("abcXYZ019-", k=self.random.randint(1, 8)))

    def a_string(self):
        return self.text()

    a_character = a_string

    def a_blob(self):
        return self.text().encode()

    def a_timestamp(self):
        return dt.datetime.fromtimestamp(self.random.randint(0, 2**31), dt.UTC)

    def a_integer(self):
        return self.random.randint(200, 299)

    a_long = a_short = a_byte = a_integer

    def a_float(self):
        return self.random.randint(-1000, 1000) / 8

    a_double = a_float

    def a_boolean(self):
        return self.random.random() < 0.5


@pytest.fixture(scope="module")
def oracle():
    session = botocore.session.get_session()
    return session.get_service_model


def request_of(sent):
    headers = {k.lower(): v if isinstance(v, str) else str(v) for k, v in sent["headers"].items()}
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    body = body if isinstance(body, bytes) else (body or "").encode()
    path, _, query = sent["url_path"].partition("?")
    extra = sent["query_string"]
    extra = urlencode(extra, doseq=True) if not isinstance(extra, str) else extra
    return Request(sent["method"], path, "&".join(x for x in (query, extra) if x), headers, body)


def pruned(value):
    """Emptiness has no spelling in forms and XML."""
    if isinstance(value, dict):
        return {k: p for k, i in value.items() if (p := pruned(i)) not in ({}, [], None)}
    if isinstance(value, list):
        return [p for i in value if (p := pruned(i)) not in ({}, [])]
    return value


def twins(model, one, other):
    """Two operations that look the same on the wire: an old one and its heir."""
    one, other = model.operation(one), model.operation(other)
    return (one.method, one.path, one.literals) == (other.method, other.path, other.literals)


def cases():
    for service in SERVICES:
        for protocol in model.load(service).protocols:
            if protocol in WIRES:
                yield service, protocol


@pytest.mark.parametrize(("service", "protocol"), list(cases()))
def test_what_botocore_writes_is_read_back(oracle, service, protocol):
    ours, theirs, wire = model.load(service), oracle(service), WIRES[protocol]
    serializer = create_serializer(protocol, include_validation=False)
    wrong = []
    for name in ours.operation_names:
        spec = ours.operation(name)
        for n in range(EXAMPLES if name not in UNREADABLE else 0):
            params = Generator(f"{service}.{name}.{n}").value(spec.input) if spec.input else {}
            sent = serializer.serialize_to_request(params, theirs.operation_model(name))
            request = request_of(sent)
            try:
                got = wire.parse(request, spec)
                for key, value in got.items():
                    if value is request:
                        got[key] = request.body or None
                named = wire.operation_name(request, ours)
            except Exception as error:
                wrong.append((name, repr(error), params))
                break
            if pruned(got) != pruned(params) or not (named == name or twins(ours, named, name)):
                wrong.append((name, named, pruned(got), pruned(params)))
                break
    assert not wrong, f"{len(wrong)} of {len(ours.operation_names)}: {wrong[:3]}"


@pytest.mark.parametrize(("service", "protocol"), list(cases()))
def test_what_we_write_botocore_reads_back(oracle, service, protocol):
    ours, theirs, wire = model.load(service), oracle(service), WIRES[protocol]
    parser = create_parser(protocol)
    wrong = []
    for name in ours.operation_names:
        spec = ours.operation(name)
        if spec.output and any(m.shape.eventstream for m in spec.output.shape.members.values()):
            continue
        if name in ours.dialect.unwrapped:  # botocore reads these in a handler of its own
            continue
        for n in range(EXAMPLES if name not in UNREADABLE else 0):
            result = Generator(f"{service}.{name}.{n}").value(spec.output) if spec.output else {}
            try:
                response = wire.render(result, spec, "id")
                back = parser.parse({"headers": HeadersDict(response.headers), "status_code": response.status,
                                     "body": response.body}, theirs.operation_model(name).output_shape)
            except Exception as error:
                wrong.append((name, repr(error), result))
                break
            back.pop("ResponseMetadata", None)
            expected = dict(result)
            for member in spec.output.shape.members.values() if spec.output else ():
                if member.location == "statusCode" and member.name not in result:
                    back.pop(member.name, None)
            payload = spec.output.shape.payload if spec.output else None
            if payload and spec.output.shape.members[payload].type in ("blob", "string"):
                if not spec.streams_out:  # botocore reads a blob in the body as text
                    assert back.pop(payload) == response.body.decode()
                back.pop(payload, None)
                expected.pop(payload, None)
            back.pop("ExpiresString", None)  # botocore's own addition
            if isinstance(expected.get("Expires"), str):
                assert back.pop("Expires") and expected.pop("Expires")
            if pruned(back) != pruned(expected):
                wrong.append((name, pruned(back), pruned(expected)))
                break
    assert not wrong, f"{len(wrong)} of {len(ours.operation_names)}: {wrong[:3]}"

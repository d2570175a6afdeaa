"""What is read and judged in one go is read and judged as it would be value by value."""

import copy
import json
import random

import botocore.session
import pytest
from botocore.serialize import create_serializer

from cloudlet.errors import AwsError
from cloudlet.wire import awsjson, model, validate
from cloudlet.wire.http import Request

from .test_wire import Generator

SERVICES = ["sqs", "dynamodb", "events", "kinesis", "stepfunctions", "logs", "ssm", "cognito-idp", "glue"]
ODD = [None, 0, 1, -1, 1.0, 1.5, 1e300, 2**31, 2**63, 10**30, True, "", "x", "YQ==", "YQ", "Y Q=", "ä",
       "x" * 99, [], {}, [None], {"S": "a", "N": "1"}, {"": None}, "NaN", "2026-01-02T03:04:05Z"]


def places(value, way=()):
    """Where one can put something else into a document."""
    yield way
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, key))


def changed(value, way, new):
    if not way:
        return new
    value = copy.deepcopy(value)
    inner = value
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return value


def documents(service):
    """For every operation: what a client writes, and the same with something odd in it."""
    chance, serializer = random.Random(service), create_serializer("json", include_validation=False)
    theirs = botocore.session.get_session().get_service_model(service)
    for name in model.load(service).operation_names:
        spec = model.load(service).operation(name)
        if spec.input is None:
            continue
        sent = serializer.serialize_to_request(Generator(f"{service}.{name}").value(spec.input),
                                               theirs.operation_model(name))
        document = json.loads(sent["body"])
        yield spec, document
        ways = list(places(document))
        for _ in range(20):
            yield spec, changed(document, chance.choice(ways), chance.choice(ODD))


def outcome(read):
    """What came of it; a NaN is one whoever reads it."""
    try:
        return repr(read())
    except AwsError as error:
        return error.code, str(error)


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_reads_the_same_on_either_road(service):
    for spec, document in documents(service):
        body = json.dumps(document).encode()
        request = Request("POST", "/", "", {}, body)
        quick = outcome(lambda request=request, spec=spec: awsjson.parse(request, spec))
        slow = outcome(lambda body=body, spec=spec: awsjson.read(awsjson.load(body), spec.input))
        assert quick == slow, (spec.name, document)


@pytest.mark.parametrize("service", SERVICES)
def test_a_value_is_refused_exactly_if_there_is_a_reason(service):
    refused = 0
    for spec, document in documents(service):
        try:
            params = awsjson.read(document, spec.input)
        except AwsError:
            continue
        shape = spec.input.shape
        reasons = list(validate.reasons(params, shape)) if shape.is_constrained() else []
        assert validate.violations(params, spec.input) == reasons[:10], (spec.name, document)
        refused += bool(reasons)
    assert refused

"""Tables for the stories."""

import itertools

import pytest

_numbers = itertools.count(1)


@pytest.fixture
def ddb(cloudlet):
    """A client of the module's cloudlet."""
    return cloudlet.client("dynamodb")


@pytest.fixture
def make(ddb):
    """Makes a table from short words: ``make("p:S", "c:N")``; its name comes back."""
    def table(hash_key="p:S", range_key=None, *, client=ddb, **more):
        keys = [one.split(":") for one in (hash_key, range_key) if one]
        name = f"table-{next(_numbers)}"
        extra = more.pop("attributes", ())
        client.create_table(
            TableName=name, BillingMode=more.pop("BillingMode", "PAY_PER_REQUEST"),
            KeySchema=[{"AttributeName": key, "KeyType": kind}
                       for (key, _), kind in zip(keys, ("HASH", "RANGE"), strict=False)],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}
                                  for key, kind in [*keys, *(one.split(":") for one in extra)]], **more)
        return name
    return table

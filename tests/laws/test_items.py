"""Items against a dictionary: conditions, sets, expiry, the stream, and what a restart keeps.

:mod:`.test_tables` asks about keys, indexes and pages; this asks what follows from each write. The stream
must tell the table's life: who applies its changes one after another has the table. At the end of each
example the store is examined as ``cloudlet fsck`` does it.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cloudlet.errors import AwsError
from cloudlet.identity.principal import root

from .clouds import Alone, Cloud, examples

STEPS, EXAMPLES = 40, {"sqlite": 20, "postgres": 4}
PLACES = ("a", "b", "c")
ME = root("000000000000")
places, values = st.sampled_from(PLACES), st.integers(-3, 3)
CONDITIONS = {  # as DynamoDB says it, and as Python does
    "attribute_not_exists(p)": lambda there, v: there is None,
    "attribute_exists(p) AND n < :v": lambda there, v: there is not None and there.get("n", v) < v,
    "n = :v OR attribute_not_exists(n)": lambda there, v: (there or {}).get("n", v) == v,
    "NOT (n BETWEEN :v AND :more)": lambda there, v: not v <= (there or {}).get("n", v - 1) <= v + 2,
    "size(tags) > :v AND contains(tags, :t)": lambda there, v: (
        "tags" in (there or {}) and len(there["tags"]) > v and "x" in there["tags"]),
}


def told(item):
    """An item as DynamoDB has it."""
    if item is None:
        return None
    kinds = {"p": lambda v: {"S": v}, "tags": lambda v: {"SS": sorted(v)}}
    return {name: kinds.get(name, lambda v: {"N": str(v)})(value) for name, value in item.items()}


def plain(item):
    """And as the model has it."""
    if item is None:
        return None
    kinds = {"S": str, "N": int, "SS": frozenset}
    return {name: kinds[kind](value) for name, kinded in item.items() for kind, value in kinded.items()}


class Items(RuleBasedStateMachine):
    """A table with a stream, whose items may expire, and the dictionary that it should be."""

    dsn = ""

    def __init__(self):
        super().__init__()
        self.cloud = Alone(self.dsn, "dynamodb")
        self.model, self.changes = {}, []
        self.ask("CreateTable", BillingMode="PAY_PER_REQUEST",
                 KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                 AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"},
                                       {"AttributeName": "n", "AttributeType": "N"}],
                 GlobalSecondaryIndexes=[{"IndexName": "by-n", "Projection": {"ProjectionType": "ALL"},
                                          "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}]}],
                 StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.ask("UpdateTimeToLive", TimeToLiveSpecification={"AttributeName": "until", "Enabled": True})
        self.settle()

    def teardown(self):
        try:
            self.the_stream_tells_it_all()
        finally:
            self.cloud.end()

    def ask(self, operation, **params):
        return self.cloud(operation, TableName="things", **params)

    def settle(self):
        self.cloud.run(self.cloud.cloud.settle())

    def set(self, place, item):
        """What a write does to the model, and what the stream should tell of it."""
        before = self.model.pop(place, None)
        if item is not None:
            self.model[place] = item
        if before != item:
            self.changes.append((place, before, item))

    def item(self, place, n, tags=frozenset(), until=None):
        return {"p": place, "n": n, **({"tags": tags} if tags else {}),
                **({"until": until} if until is not None else {})}

    def now_s(self):
        return self.cloud.clock.now_ms() // 1000

    # -- what changes it

    @rule(place=places, n=values, tags=st.frozensets(st.sampled_from("xyz")), in_s=st.sampled_from(
        (None, None, -10, 5, 60, 86_400)))
    def put(self, place, n, tags, in_s):
        new = self.item(place, n, tags, None if in_s is None else self.now_s() + in_s)
        old = self.ask("PutItem", Item=told(new), ReturnValues="ALL_OLD").get("Attributes")
        assert plain(old) == self.model.get(place)
        self.set(place, new)
        self.settle()
        if in_s is not None and in_s < 0:
            self.set(place, None)  # it has expired

    @rule(place=places, n=values, v=values, condition=st.sampled_from(sorted(CONDITIONS)),
          what=st.sampled_from(("PutItem", "DeleteItem", "UpdateItem")))
    def write_if(self, place, n, v, condition, what):
        there = self.model.get(place)
        given = {":v": {"N": str(v)}, ":more": {"N": str(v + 2)}, ":t": {"S": "x"}, ":n": {"N": str(n)}}
        wish = {"PutItem": {"Item": told(self.item(place, n))},
                "DeleteItem": {"Key": {"p": {"S": place}}},
                "UpdateItem": {"Key": {"p": {"S": place}}, "UpdateExpression": "SET n = :n"}}[what]
        used = condition + wish.get("UpdateExpression", "")
        named = {name: value for name, value in given.items() if name in used}
        try:
            self.ask(what, **wish, ConditionExpression=condition,
                     **({"ExpressionAttributeValues": named} if named else {}))
        except AwsError as error:
            assert error.code == "ConditionalCheckFailedException"
            assert not CONDITIONS[condition](there, v)
            return
        assert CONDITIONS[condition](there, v)
        self.set(place, {"PutItem": self.item(place, n), "DeleteItem": None,
                         "UpdateItem": {**(there or {"p": place}), "n": n}}[what])

    @rule(place=places, by=values, add=st.sampled_from("xyz"), drop=st.sampled_from(("", "x", "y")))
    def update(self, place, by, add, drop):
        what, given = "ADD n :by, tags :add", {":by": {"N": str(by)}, ":add": {"SS": [add]}}
        if drop:
            self.ask("UpdateItem", Key={"p": {"S": place}}, UpdateExpression="DELETE tags :drop",
                     ExpressionAttributeValues={":drop": {"SS": [drop]}})
            there = self.model.get(place)
            if there:  # what is not there does not come to be by taking something from it
                left = there.get("tags", frozenset()) - {drop}
                self.set(place, {name: value for name, value in there.items() if name != "tags"} | (
                    {"tags": left} if left else {}))
        new = self.ask("UpdateItem", Key={"p": {"S": place}}, UpdateExpression=what, ReturnValues="ALL_NEW",
                       ExpressionAttributeValues=given)["Attributes"]
        there = self.model.get(place) or {"p": place}
        self.set(place, {**there, "n": there.get("n", 0) + by,
                         "tags": there.get("tags", frozenset()) | {add}})
        assert plain(new) == self.model[place]

    @rule(place=places)
    def delete(self, place):
        old = self.ask("DeleteItem", Key={"p": {"S": place}}, ReturnValues="ALL_OLD").get("Attributes")
        assert plain(old) == self.model.get(place)
        self.set(place, None)

    @rule(a=places, b=places, n=values, v=values, token=st.sampled_from(("", "token")))
    def transact(self, a, b, n, v, token):
        """One goes if the other is there; both or neither. Said again under one token, it is done once."""
        if a == b:
            return
        steps = [{"Delete": {"TableName": "things", "Key": {"p": {"S": a}}}},
                 {"Update": {"TableName": "things", "Key": {"p": {"S": b}}, "UpdateExpression": "ADD n :n",
                             "ConditionExpression": "attribute_exists(p)",
                             "ExpressionAttributeValues": {":n": {"N": str(n)}}}}]
        wish = {"ClientRequestToken": f"{token}{len(self.changes)}{self.now_s()}{a}{b}{n}"} if token else {}
        for again in range(2 if token else 1):
            try:
                self.cloud("TransactWriteItems", TransactItems=steps, **wish)
            except AwsError as error:
                assert error.code == "TransactionCanceledException"
                assert b not in self.model
                return
            assert b in self.model
            if not again:
                self.set(a, None)
                self.set(b, {**self.model[b], "n": self.model[b].get("n", 0) + n})

    @rule(by_s=st.sampled_from((1, 30, 3600)))
    def go_on(self, by_s):
        self.cloud.clock.advance(by_s * 1000)
        self.settle()
        for place, item in list(self.model.items()):
            if item.get("until", self.now_s() + 1) <= self.now_s():
                self.set(place, None)

    @rule()
    def begin_again(self):
        """The program ends, and another goes on with what it kept."""
        old = self.cloud.cloud

        async def again():
            old.store.close()
            return Cloud(self.dsn, self.cloud.folder, "dynamodb", old.clock)

        self.cloud.cloud = self.cloud.run(again())

    # -- what it tells

    @invariant()
    def every_item_is_what_it_should_be(self):
        found = self.ask("Scan", ConsistentRead=True)["Items"]
        assert {one["p"]["S"]: plain(one) for one in found} == self.model

    @rule(n=values)
    def find(self, n):
        found = self.ask("Query", IndexName="by-n", KeyConditionExpression="n = :n",
                         ExpressionAttributeValues={":n": {"N": str(n)}})["Items"]
        assert {one["p"]["S"]: plain(one) for one in found} == {
            place: item for place, item in self.model.items() if item.get("n") == n}

    def the_stream_tells_it_all(self):
        """Every change of every item, in its order, and each once."""
        def read(operation, **params):
            return self.cloud.run(self.cloud.cloud.kernel.invoke(ME, "dynamodbstreams", operation, params))

        arn = self.ask("DescribeTable")["Table"]["LatestStreamArn"]
        told_by = {}
        for shard in read("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]:
            at = read("GetShardIterator", StreamArn=arn, ShardId=shard["ShardId"],
                      ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            while at:
                page = read("GetRecords", ShardIterator=at)
                for one in page["Records"]:
                    change = one["dynamodb"]
                    told_by.setdefault(change["Keys"]["p"]["S"], []).append(
                        (plain(change.get("OldImage")), plain(change.get("NewImage"))))
                at = page.get("NextShardIterator") if page["Records"] else None
        for place in PLACES:
            assert told_by.get(place, []) == [(old, new) for at, old, new in self.changes if at == place]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("driver", EXAMPLES)
def test_a_table_is_the_dictionary_that_it_should_be_and_its_stream_tells_why(driver, request):
    class Machine(Items):
        dsn = request.getfixturevalue("postgres").dsn if driver == "postgres" else ""

    run_state_machine_as_test(Machine, settings=settings(
        max_examples=examples(EXAMPLES[driver]), stateful_step_count=STEPS, deadline=None,
        suppress_health_check=list(HealthCheck)))

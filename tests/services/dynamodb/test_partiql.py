"""Stories told in PartiQL."""

import pytest
from botocore.exceptions import ClientError


def say(ddb, statement, *parameters, **more):
    given = {"Parameters": list(parameters)} if parameters else {}
    return ddb.execute_statement(Statement=statement, **given, **more)["Items"]


@pytest.fixture
def table(make, ddb):
    name = make("p:S", "c:N")
    for n in range(6):
        even = "true" if n % 2 == 0 else "false"
        say(ddb, f"INSERT INTO \"{name}\" VALUE {{'p': 'x', 'c': {n}, 'even': {even}, 'l': [1, 'b']}}")
    return name


def test_a_select_finds_by_key_and_by_anything_else(ddb, table):
    assert say(ddb, f'SELECT c FROM "{table}" WHERE p = ? AND c > 3', {"S": "x"}) == [
        {"c": {"N": "4"}}, {"c": {"N": "5"}}]
    assert len(say(ddb, f'SELECT * FROM "{table}" WHERE even = true AND NOT c IN [0, 9]')) == 2
    assert say(ddb, f"SELECT c FROM \"{table}\" WHERE p = 'x' AND c < 2 ORDER BY c DESC") == [
        {"c": {"N": "1"}}, {"c": {"N": "0"}}]
    assert say(ddb, f"SELECT l[1] FROM \"{table}\" WHERE p = 'x' AND c = 1") == [{"l": {"L": [{"S": "b"}]}}]
    assert say(ddb, f'SELECT * FROM "{table}" WHERE gone IS NOT MISSING') == []


def test_a_select_goes_on_where_its_token_says(ddb, table):
    ask = {"Statement": f"SELECT c FROM \"{table}\" WHERE p = 'x'", "Limit": 4}
    first = ddb.execute_statement(**ask)
    rest = ddb.execute_statement(**ask, NextToken=first["NextToken"])
    assert [len(first["Items"]), [one["c"]["N"] for one in rest["Items"]]] == [4, ["4", "5"]]


def test_an_item_is_inserted_once(ddb, table):
    with pytest.raises(ClientError, match="DuplicateItemException"):
        say(ddb, f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 1}}")


def test_an_item_is_updated_and_deleted_where_the_key_says(ddb, table):
    where = "WHERE p = 'x' AND c = 1"
    several = "SET n = 5 SET s = <<'a', 'b'>> REMOVE even"
    assert say(ddb, f'UPDATE "{table}" {several} {where} RETURNING ALL NEW *') == [
        {"p": {"S": "x"}, "c": {"N": "1"}, "n": {"N": "5"}, "s": {"SS": ["a", "b"]},
         "l": {"L": [{"N": "1"}, {"S": "b"}]}}]
    say(ddb, f'UPDATE "{table}" SET n = n + 1 SET l = list_append(l, [?]) {where} AND n = 5', {"S": "z"})
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        say(ddb, f'UPDATE "{table}" SET n = 0 {where} AND n = 5')
    assert say(ddb, f'DELETE FROM "{table}" {where} RETURNING ALL OLD *')[0]["n"] == {"N": "6"}
    assert say(ddb, f'SELECT * FROM "{table}" {where}') == []


@pytest.mark.parametrize("statement, complaint", [
    ("SELECT * FORM x", "Statement wasn't well formed, can't be processed"),
    ("UPDATE TABLE SET a = 1 WHERE p = 'x'", "mandatory equality on all key attributes"),
    ("SELECT * FROM TABLE WHERE p = ?", "Number of parameters in request and statement don't match"),
    ("DELETE FROM TABLE WHERE p = 'x' AND c = 'one'", "does not match the schema")])
def test_a_statement_that_can_not_be_is_refused(ddb, table, statement, complaint):
    with pytest.raises(ClientError, match=complaint):
        say(ddb, statement.replace("TABLE", f'"{table}"'))


def test_statements_of_a_batch_succeed_and_fail_one_by_one(ddb, table):
    answers = ddb.batch_execute_statement(Statements=[
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 1}}"},
        {"Statement": f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 99}}"}])["Responses"]
    assert answers[0]["Error"]["Code"] == "DuplicateItem"
    assert "Error" not in answers[1]
    found = ddb.batch_execute_statement(Statements=[
        {"Statement": f"SELECT * FROM \"{table}\" WHERE p = 'x' AND c = 99"}])["Responses"]
    assert found[0]["Item"] == {"p": {"S": "x"}, "c": {"N": "99"}}


def test_statements_of_a_transaction_happen_together_or_not_at_all(ddb, table):
    both = [{"Statement": f"UPDATE \"{table}\" SET n = 1 WHERE p = 'x' AND c = 2"},
            {"Statement": f"UPDATE \"{table}\" SET n = 1 WHERE p = 'x' AND c = 77"}]
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        ddb.execute_transaction(TransactStatements=both)
    assert say(ddb, f'SELECT * FROM "{table}" WHERE n = 1') == []
    assert ddb.execute_transaction(TransactStatements=both[:1])["Responses"] == []
    assert len(say(ddb, f'SELECT * FROM "{table}" WHERE n = 1')) == 1


def transact(ddb, *statements, **more):
    return ddb.execute_transaction(TransactStatements=[{"Statement": one} for one in statements], **more)


def test_a_transaction_that_reads_tells_what_it_cost(ddb, table):
    found = transact(ddb, f"SELECT c FROM \"{table}\" WHERE p = 'x' AND c = 1",
                     f"SELECT * FROM \"{table}\" WHERE p = 'x' AND c = 77", ReturnConsumedCapacity="TOTAL")
    assert found["Responses"] == [{"Item": {"c": {"N": "1"}}}, {}]
    assert [one["CapacityUnits"] for one in found["ConsumedCapacity"]] == [4]


def test_what_is_there_already_cancels_a_transaction_that_inserts(ddb, table):
    with pytest.raises(ClientError) as caught:
        transact(ddb, f"DELETE FROM \"{table}\" WHERE p = 'x' AND c = 2",
                 f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 1}}")
    assert [one["Code"] for one in caught.value.response["CancellationReasons"]] == ["None", "DuplicateItem"]


@pytest.mark.parametrize("statements, complaint", [
    (["SELECT * FROM TABLE WHERE p = 'x' AND c = 1 AND even = true"],
     r"TransactStatements\[0\]: Select statements within ExecuteTransaction must specify the primary key"),
    (["DELETE FROM TABLE WHERE p = 'x' AND c = 1", "EXISTS(SELECT * FROM TABLE WHERE p = 'x' AND c = 2)"],
     r"TransactStatements\[1\]: EXISTS\(\) must contain a single item read with additional condition"),
    (["UPDATE TABLE SET a = 1 WHERE p = 'x' AND c = 1 RETURNING ALL NEW *"], "RETURNING is not supported"),
    (["SELECT * FROM TABLE WHERE p = 'x' AND c = 1", "DELETE FROM TABLE WHERE p = 'x' AND c = 1"],
     "must all read or all write")])
def test_a_transaction_that_can_not_be_is_refused(ddb, table, statements, complaint):
    with pytest.raises(ClientError, match=complaint):
        transact(ddb, *(one.replace("TABLE", f'"{table}"') for one in statements))


def test_a_condition_on_another_item_guards_a_transaction(ddb, table):
    change = f"UPDATE \"{table}\" SET a = 1 WHERE p = 'x' AND c = 1"
    exists = f"EXISTS(SELECT * FROM \"{table}\" WHERE p = 'x' AND c = 2 AND even = VALUE)"
    with pytest.raises(ClientError, match=r"\[None, ConditionalCheckFailed\]"):
        transact(ddb, change, exists.replace("VALUE", "false"))
    transact(ddb, change, exists.replace("VALUE", "true"))
    assert say(ddb, f"SELECT a FROM \"{table}\" WHERE p = 'x' AND c = 1") == [{"a": {"N": "1"}}]


@pytest.mark.parametrize("condition, count", [
    ("attribute_exists(even)", 6), ("ATTRIBUTE_EXISTS(gone)", 0), ("attribute_exists(even) = true", 6),
    ("attribute_exists(even) = false", 0), ("size(l) = 2", 6), ("even IS BOOL", 6), ("p IS NOT STRING", 0),
    ("l IS NULL", 0), ("c = 2e0", 1), ("c = .2E+1", 1), ("c IN (1, 2)", 2)])
def test_functions_and_literals_stand_in_a_where(ddb, table, condition, count):
    assert len(say(ddb, f"SELECT * FROM \"{table}\" WHERE p = 'x' AND {condition}")) == count


def test_an_update_may_begin_with_from(ddb, table):
    where = f"FROM \"{table}\" WHERE p = 'x' AND c = 1"
    found = say(
        ddb, f"{where} AND even = ? SET n = 1 REMOVE l REMOVE even RETURNING ALL NEW *", {"BOOL": False}
    )
    assert found == [{"p": {"S": "x"}, "c": {"N": "1"}, "n": {"N": "1"}}]
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        say(ddb, f"{where} AND n = 2 SET n = 3")


def test_an_index_is_read_as_far_as_it_holds_or_reaches(ddb, make):
    projection = {"Projection": {"ProjectionType": "KEYS_ONLY"}}
    table = make("p:S", "c:N", attributes=("t:S",), LocalSecondaryIndexes=[
        {"IndexName": "near", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"},
                                            {"AttributeName": "t", "KeyType": "RANGE"}], **projection}],
        GlobalSecondaryIndexes=[{"IndexName": "far", "KeySchema": [{"AttributeName": "t", "KeyType": "HASH"}],
                                 **projection}])
    say(ddb, f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 1, 't': 't', 'z': 'z', 'a': 'a'}}")
    assert say(ddb, f"SELECT z FROM \"{table}\".near WHERE p = 'x'", ConsistentRead=True) == [
        {"z": {"S": "z"}}
    ]
    assert say(ddb, f"SELECT c FROM \"{table}\".far WHERE p = 'x'") == [{"c": {"N": "1"}}]
    for statement, complaint in (("SELECT z, a FROM T.far", r"index far does not project \[z, a\]"),
                                 ("SELECT * FROM T.gone", "The table does not have the specified index$")):
        with pytest.raises(ClientError, match=complaint):
            say(ddb, statement.replace("T.", f'"{table}".'))
    with pytest.raises(ClientError, match="Strongly consistent read is not supported on Global"):
        say(ddb, f'SELECT * FROM "{table}".far', ConsistentRead=True)


def test_comments_are_spaces(ddb, table):
    statement = f"-- first\nSELECT c /* or\nall */ FROM \"{table}\" WHERE p = 'x' -- and\nAND c = 1 -- ."
    assert say(ddb, statement) == [{"c": {"N": "1"}}]


def test_sets_take_and_lose_members(ddb, table):
    where = "WHERE p = 'x' AND c = 1"
    added = say(ddb, f"UPDATE \"{table}\" SET s = set_add(s, <<'a', 'b'>>) {where} RETURNING MODIFIED NEW *")
    assert added == [{"s": {"SS": ["a", "b"]}}]
    say(ddb, f'UPDATE "{table}" SET s = SET_DELETE(s, ?) {where}', {"SS": ["a", "z"]})
    assert say(ddb, f'SELECT s FROM "{table}" {where}') == [{"s": {"SS": ["b"]}}]
    say(ddb, f"UPDATE \"{table}\" SET s = set_delete(s, <<'b'>>) {where}")
    assert say(ddb, f'SELECT s FROM "{table}" {where}') == [{}]


@pytest.mark.parametrize("statement, complaint", [
    ("SELECT * FROM t x WHERE p = 1", "Aliasing is not supported"),
    ("UPDATE t AS x SET a = 1 WHERE p = 1", "Aliasing is not supported"),
    ("DELETE FROM t WHERE p = 1 ORDER BY p", "processed: Unexpected token after expression"),
    ("INSERT INTO t VALUE {'p': 1} x", "processed: Unexpected token after expression"),
    ("SELECT * FROM t WHERE p = 1 # no", "can't be processed: $"),
    ("SELECT * FROM t WHERE p = 1 /* no", "can't be processed: "),
    ("SELECT * FROM t WHERE p = 1e99999999999", "can't be processed: $"),
    ("SELECT * FROM t WHERE p = 1e126", "larger than supported range under root$"),
    ("INSERT INTO t VALUE {'p': 1, 'l': [1, 1e126]}", r"larger than supported range under root\[1\]$"),
    ("SELECT size(p) FROM t", "Unexpected path component at 1:8:4"),
    ("SELECT * FROM t\nWHERE nope(p)", "Unrecognized function: nope at 2:7:4"),
    ("SELECT * FROM t WHERE attribute_exists('p')", "requires a document path"),
    ("SELECT * FROM t WHERE attribute_exists()", "Incorrect number of operands"),
    ("SELECT * FROM t WHERE p < true", "operator or function: <, operand type: BOOL"),
    ("UPDATE t SET a = set_add(b, <<1>>) WHERE p = 1", "first argument to SET_ADD must equal .* at 1:18:7"),
    ("UPDATE t SET a = set_add(a, [1]) WHERE p = 1", "second argument to SET_ADD must be .* at 1:26:1"),
    ("UPDATE t SET a = set_add(a) WHERE p = 1", "SET_ADD must have exactly two arguments at 1:18:7"),
    ("UPDATE t SET a = <<>> WHERE p = 1", "Empty bags are not supported"),
    ("UPDATE t.i SET a = 1 WHERE p = 1", "An index can only be read"),
    ("EXISTS(SELECT * FROM t WHERE p = 1)", "only be used in a transaction")])
def test_a_statement_that_is_none_is_told_why_and_where(ddb, statement, complaint):
    with pytest.raises(ClientError, match=f"ValidationException.*{complaint}"):
        say(ddb, statement)


@pytest.mark.parametrize("statement, complaint", [
    ("SELECT * FROM t WHERE " + "size(" * 1000 + "p" + ")" * 1000 + " = 1", "nested too deeply"),
    ("SELECT * FROM t WHERE p = 1; " + "--" * 2000 + "\nx", "can't be processed")])
def test_a_statement_made_to_cost_much_costs_little(ddb, statement, complaint):
    with pytest.raises(ClientError, match=f"ValidationException.*{complaint}"):
        say(ddb, statement)


def test_an_item_that_is_too_large_is_not_inserted(ddb, table):
    with pytest.raises(ClientError, match="Item size has exceeded the maximum allowed size"):
        say(ddb, f"INSERT INTO \"{table}\" VALUE {{'p': 'x', 'c': 100, 't': ?}}", {"S": "x" * 409_600})

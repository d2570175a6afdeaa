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
    ddb.execute_transaction(TransactStatements=both[:1])
    assert len(say(ddb, f'SELECT * FROM "{table}" WHERE n = 1')) == 1

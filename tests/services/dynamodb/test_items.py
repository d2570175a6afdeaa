"""Stories of single items."""

import pytest
from botocore.exceptions import ClientError

S = {"S": "x"}


def refused(call, code="ValidationException", **params):
    """The message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


@pytest.fixture
def table(make, ddb):
    """A table with one item."""
    name = make()
    ddb.put_item(TableName=name, Item={"p": S, "n": {"N": "5"}, "l": {"L": [{"S": "a"}, {"S": "b"}]},
                                       "m": {"M": {"k": {"N": "1"}}}, "s": {"SS": ["x", "y"]}})
    return name


def item(ddb, table, key=S):
    return ddb.get_item(TableName=table, Key={"p": key}).get("Item")


def change(ddb, table, expression, values=None, **more):
    given = {"ExpressionAttributeValues": values} if values else {}
    return ddb.update_item(TableName=table, Key={"p": S}, UpdateExpression=expression, **given, **more)


def test_an_item_comes_back_as_it_was_put(ddb, make):
    table = make()
    given = {"p": S, "b": {"B": b"\0\xff"}, "n": {"N": "1"}, "t": {"BOOL": True}, "z": {"NULL": True},
             "l": {"L": [{"M": {"e": {"S": ""}}}]}, "bs": {"BS": [b"1", b"2"]}, "u": {"S": "ü€😀"}}
    ddb.put_item(TableName=table, Item=given)
    assert item(ddb, table) == given


def test_numbers_are_kept_in_their_normal_form(ddb, make):
    table = make()
    ddb.put_item(TableName=table, Item={"p": S, "n": {"N": "001.500e2"}, "ns": {"NS": ["10", "9", "-1"]}})
    assert item(ddb, table)["n"] == {"N": "150"}
    assert sorted(item(ddb, table)["ns"]["NS"]) == ["-1", "10", "9"]


def test_put_gives_the_old_item_when_asked(ddb, table):
    old = ddb.put_item(TableName=table, Item={"p": S}, ReturnValues="ALL_OLD")["Attributes"]
    assert old["n"] == {"N": "5"}
    assert item(ddb, table) == {"p": S}
    assert refused(ddb.put_item, TableName=table, Item={"p": S}, ReturnValues="ALL_NEW") == (
        "Return values set to invalid value")


def test_delete_removes_and_does_not_mind_what_is_not_there(ddb, table):
    assert ddb.delete_item(TableName=table, Key={"p": S}, ReturnValues="ALL_OLD")["Attributes"]["p"] == S
    assert item(ddb, table) is None
    assert "Attributes" not in ddb.delete_item(TableName=table, Key={"p": S}, ReturnValues="ALL_OLD")


def test_an_update_sets_adds_removes_and_deletes_at_once(ddb, table):
    new = change(ddb, table, "SET n = n + :one, l[5] = :c, m.j = if_not_exists(m.z, :one) "
                             "REMOVE l[0] ADD fresh :one DELETE s :x",
                 {":one": {"N": "1"}, ":c": {"S": "c"},
                  ":x": {"SS": ["x"]}}, ReturnValues="ALL_NEW")["Attributes"]
    assert new == {"p": S, "n": {"N": "6"}, "l": {"L": [{"S": "b"}, {"S": "c"}]}, "fresh": {"N": "1"},
                   "m": {"M": {"k": {"N": "1"}, "j": {"N": "1"}}}, "s": {"SS": ["y"]}}
    assert item(ddb, table) == new


def test_operands_of_an_update_are_worth_what_they_were_before_it(ddb, table):
    change(ddb, table, "SET a = n, n = :v", {":v": {"N": "9"}})
    found = item(ddb, table)
    assert (found["a"], found["n"]) == ({"N": "5"}, {"N": "9"})


def test_updated_values_come_back_as_far_as_they_were_written(ddb, table):
    values = {":v": {"S": "new"}}
    assert change(ddb, table, "SET l[1] = :v", values, ReturnValues="UPDATED_NEW")["Attributes"] == {
        "l": {"L": [{"S": "new"}]}}
    assert change(ddb, table, "SET m.k = :v", values, ReturnValues="UPDATED_OLD")["Attributes"] == {
        "m": {"M": {"k": {"N": "1"}}}}


def test_the_last_element_of_a_set_takes_the_set_with_it(ddb, table):
    change(ddb, table, "DELETE s :all", {":all": {"SS": ["x", "y", "z"]}})
    assert "s" not in item(ddb, table)


def test_an_update_that_only_removes_brings_no_item_about(ddb, make):
    table = make()
    change(ddb, table, "REMOVE a.b")
    assert item(ddb, table) is None
    change(ddb, table, "SET a = :v", {":v": S})
    assert item(ddb, table) == {"p": S, "a": S}


@pytest.mark.parametrize("expression, complaint", [
    ("SET n = :v garbage", 'Syntax error; token: "garbage", near: ":v garbage"'),
    ("SET name = :v", "Attribute name is a reserved keyword; reserved keyword: name"),
    ("SET #q = :v", "An expression attribute name used in the document path is not defined; attribute name: "
                    "#q"),
    ("SET a = :w", "An expression attribute value used in expression is not defined; attribute value: :w"),
    ("SET a = :v, a.b = :v", "Two document paths overlap with each other; must remove or rewrite one of "
                             "these paths; path one: [a], path two: [a, b]"),
    ("SET a.b = :v, a[0] = :v", "Two document paths conflict with each other"),
    ("SET a = :v SET b = :v", 'The "SET" section can only be used once in an update expression;'),
    ("ADD n :v", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"),
    ("SET a = size(n)", "The function is not allowed in an update expression; function: size"),
    ("SET a = foo(:v)", "Invalid function name; function: foo"),
    ("SET a = list_append(l, :v)", "operator or function: list_append, operand type: S"),
    ("", "The expression can not be empty;")])
def test_an_update_expression_that_means_nothing_is_told_why(ddb, table, expression, complaint):
    message = refused(change, ddb=ddb, table=table, expression=expression, values={":v": S})
    assert message.startswith("Invalid UpdateExpression: ")
    assert complaint in message


@pytest.mark.parametrize("expression, complaint", [
    ("SET n.x = :v", "The document path provided in the update expression is invalid for update"),
    ("SET a = absent", "The provided expression refers to an attribute that does not exist in the item"),
    ("SET a = l + :v", "An operand in the update expression has an incorrect data type"),
    ("SET p = :v", "Cannot update attribute p. This attribute is part of the key")])
def test_an_update_that_does_not_fit_the_item_is_told_why(ddb, table, expression, complaint):
    values = {":v": {"N": "1"}}
    if ":v" not in expression:
        expression, values = f"{expression}, z = :v", values
    assert complaint in refused(change, ddb=ddb, table=table, expression=expression, values=values)


@pytest.mark.parametrize("condition, holds", [
    ("n = :five", True), ("n <> :five", False), ("n < :six", True), (":six >= n",
                                                                     True), ("n BETWEEN :five AND :six",
                                                                             True),
    ("n IN (:six, :five)", True), ("attribute_exists(m.k)", True), ("attribute_not_exists(m.zz)", True),
    ("attribute_type(l, :L)", True), ("begins_with(p, :x)", True), ("contains(s, :x)",
                                                                    True), ("contains(l, :x)", False),
    ("size(l) = :two", True), ("NOT n = :five", False), ("n = :six OR (n = :five AND m.k < :two)", True),
    ("absent = :five", False), ("absent <> :five", True), ("l[1] = :b", True), ("p < n", False)])
def test_conditions_hold_or_do_not(ddb, table, condition, holds):
    known = {":five": {"N": "5"}, ":six": {"N": "6"}, ":two": {"N": "2"}, ":L": {"S": "L"}, ":x": S,
             ":b": {"S": "b"}}
    values = {name: value for name, value in known.items() if name in condition} | {":v": S}
    ask = {"ddb": ddb, "table": table, "expression": "SET w = :v", "values": values,
           "ConditionExpression": condition}
    if holds:
        change(**ask)
    else:
        assert refused(change, "ConditionalCheckFailedException", **ask) == "The conditional request failed"


@pytest.mark.parametrize("condition, complaint", [
    ("((n = :v))", "The expression has redundant parentheses;"),
    ("size(n)", "The function is not allowed to be used this way in an expression; function: size"),
    ("n = attribute_exists(p)", "not allowed to be used this way in an expression; function: "
                                "attribute_exists"),
    ("n = n", "The first operand must be distinct from the remaining operands for this operator or function; "
              "operator: =, first operand: [n]"),
    ("attribute_exists(:v)", "Operator or function requires a document path; operator or function: "
                             "attribute_exists"),
    ("begins_with(n)", "Incorrect number of operands for operator or function; operator or function: "
                       "begins_with, number of operands: 1"),
    ("n BETWEEN :v AND :low", "The BETWEEN operator requires upper bound to be greater than or equal to "
                              "lower bound; lower bound operand: AttributeValue: {N:5}, upper bound operand: "
                              "AttributeValue: {N:1}"),
    ("attribute_type(n, :t)", "Invalid attribute type name found; type: dog"),
    ("n = ", 'Syntax error; token: "<EOF>", near: "="')])
def test_a_condition_that_means_nothing_is_told_why(ddb, table, condition, complaint):
    known = {":v": {"N": "5"}, ":low": {"N": "1"}, ":t": {"S": "dog"}}
    values = {name: value for name, value in known.items() if name in condition}
    message = refused(ddb.put_item, TableName=table, Item={"p": S}, ConditionExpression=condition,
                      **({"ExpressionAttributeValues": values} if values else {}))
    assert message.startswith("Invalid ConditionExpression: ")
    assert complaint in message


def test_the_size_of_a_text_is_in_utf_16(ddb, table):
    change(ddb, table, "SET t = :t", {":t": {"S": "é𝄞"}}, ConditionExpression="attribute_not_exists(t)")
    change(ddb, table, "SET ok = :n", {":n": {"N": "3"}}, ConditionExpression="size(t) = :n")
    assert item(ddb, table)["ok"] == {"N": "3"}


def test_placeholders_have_to_be_used(ddb, table):
    assert refused(ddb.put_item, TableName=table, Item={"p": S}, ConditionExpression="attribute_exists(#a)",
                   ExpressionAttributeNames={"#a": "p", "#b": "q"}) == (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}")
    assert refused(ddb.put_item, TableName=table, Item={"p": S}, ExpressionAttributeValues={":a": S}) == (
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null")
    assert refused(ddb.get_item, TableName=table, Key={"p": S}, ExpressionAttributeNames={"#a": "b"}) == (
        "ExpressionAttributeNames can only be specified when using expressions")


def test_a_failed_condition_can_show_the_item(ddb, table):
    with pytest.raises(ClientError) as caught:
        ddb.put_item(TableName=table, Item={"p": S}, ConditionExpression="attribute_not_exists(p)",
                     ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert caught.value.response["Item"]["n"] == {"N": "5"}


def test_a_projection_gives_the_parts_that_were_asked_for(ddb, table):
    found = ddb.get_item(TableName=table, Key={"p": S}, ProjectionExpression="l[1], m.k, #n, gone",
                         ExpressionAttributeNames={"#n": "n"})["Item"]
    assert found == {"l": {"L": [{"S": "b"}]}, "m": {"M": {"k": {"N": "1"}}}, "n": {"N": "5"}}


@pytest.mark.parametrize("wrong, complaint", [
    ({"q": S}, "One or more parameter values were invalid: Missing the key p in the item"),
    ({"p": {"N": "1"}}, "One or more parameter values were invalid: Type mismatch for key p expected: S "
                        "actual: N"),
    ({"p": {"S": ""}}, "One or more parameter values are not valid. The AttributeValue for a key attribute "
                       "cannot contain an empty string value. Key: p"),
    ({"p": {"S": "x" * 2049}}, "One or more parameter values were invalid: Size of hashkey has exceeded the "
                               "maximum size limit of2048 bytes"),
    ({"p": S, "x": {"S": "y" * 409_600}}, "Item size has exceeded the maximum allowed size")])
def test_an_item_that_does_not_fit_its_table_is_refused(ddb, table, wrong, complaint):
    assert refused(ddb.put_item, TableName=table, Item=wrong) == complaint


def test_a_key_that_is_not_the_tables_is_refused(ddb, table):
    for key in ({"q": S}, {"p": S, "q": S}, {"p": {"N": "1"}}):
        assert refused(ddb.get_item, TableName=table, Key=key) == (
            "The provided key element does not match the schema")


def test_a_table_that_is_not_there_is_not_found(ddb):
    assert refused(ddb.get_item, "ResourceNotFoundException", TableName="nowhere", Key={"p": S}) == (
        "Requested resource not found")


def test_an_arn_names_a_table_as_well(ddb, table):
    arn = ddb.describe_table(TableName=table)["Table"]["TableArn"]
    assert ddb.get_item(TableName=arn, Key={"p": S})["Item"]["p"] == S


def test_legacy_parameters_do_what_expressions_do(ddb, table):
    ddb.update_item(TableName=table, Key={"p": S}, AttributeUpdates={
        "n": {"Action": "ADD", "Value": {"N": "2"}}, "m": {"Action": "DELETE"}, "q": {"Value": S}},
        Expected={"n": {"ComparisonOperator": "LT", "AttributeValueList": [{"N": "6"}]},
                  "zz": {"Exists": False}})
    found = item(ddb, table)
    assert (found["n"], found["q"], "m" in found) == ({"N": "7"}, S, False)
    refused(ddb.delete_item, "ConditionalCheckFailedException", TableName=table, Key={"p": S},
            Expected={"n": {"Value": {"N": "5"}}})
    assert ddb.get_item(TableName=table, Key={"p": S}, AttributesToGet=["n"])["Item"] == {"n": {"N": "7"}}
    assert "Can not use both expression and non-expression parameters" in refused(
        ddb.put_item, TableName=table, Item={"p": S}, ConditionExpression="attribute_exists(p)",
        Expected={"n": {"Value": S}})


def test_the_cost_of_a_request_is_told(ddb, table):
    cost = ddb.put_item(TableName=table, Item={"p": S, "x": {"S": "y" * 3000}},
                        ReturnConsumedCapacity="TOTAL")
    assert cost["ConsumedCapacity"] == {"TableName": table, "CapacityUnits": 3.0}
    assert ddb.get_item(TableName=table, Key={"p": S}, ReturnConsumedCapacity="TOTAL", ConsistentRead=True)[
        "ConsumedCapacity"]["CapacityUnits"] == 1.0
    assert ddb.get_item(TableName=table, Key={"p": {"S": "?"}}, ReturnConsumedCapacity="INDEXES")[
        "ConsumedCapacity"] == {"TableName": table, "CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}}

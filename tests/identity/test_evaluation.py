"""What policies say together, and the words for why not."""

import json

import pytest

from cloudlet.identity import Principal, root, service_principal
from cloudlet.identity.evaluation import Ask, Policies, Policy, evaluate
from cloudlet.identity.policy import compiled, context_keys

ACCOUNT = "111122223333"
ANN = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "user", "AIDAANN")
ROLE = Principal(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s1", "role", "AROAAPP:s1",
                 role_arn=f"arn:aws:iam::{ACCOUNT}:role/app")
STRANGER = Principal("999988887777", "arn:aws:iam::999988887777:user/zed", "user", "AIDAZED")
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"


def policy(*statements, name="p", version="2012-10-17"):
    return Policy(name, compiled(json.dumps({"Version": version, "Statement": list(statements)})))


def allow(action="sqs:SendMessage", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="sqs:SendMessage", resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def decide(*statements, who=ANN, action="sqs:SendMessage", resource=QUEUE, context=None,
           version="2012-10-17", **more):
    ask = Ask(who, action, resource, context or {}, ACCOUNT)
    by_resource = more.pop("by_resource", None)
    resource_decides = more.pop("resource_decides", False)
    policies = Policies((policy(*statements, version=version),) if statements else (), **more)
    return evaluate(ask, policies, policy(by_resource) if by_resource else None,
                    resource_decides=resource_decides)


def allowed(*statements, **more):
    return decide(*statements, **more).allowed


def test_nothing_is_allowed_by_itself():
    decision = decide()
    assert not decision.allowed and not decision.explicit
    assert decision.sentence(Ask(ANN, "sqs:SendMessage", QUEUE)) == (
        f"User: {ANN.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} "
        "because no identity-based policy allows the sqs:SendMessage action")


def test_a_deny_outweighs_every_allow():
    decision = decide(allow("*"), deny("sqs:*"))
    assert not decision.allowed and decision.because == "with an explicit deny in an identity-based policy"
    assert [each.statement.index for each in decision.matched] == [1]


@pytest.mark.parametrize(("action", "matches"), [
    ("sqs:SendMessage", True), ("SQS:sendmessage", True), ("sqs:Send*", True), ("sqs:*", True), ("*", True),
    ("sqs:S?ndMessage", True), ("sqs:Receive*", False), ("s3:*", False), (["s3:*", "sqs:SendMessage"], True)])
def test_actions_match_with_wildcards_and_regardless_of_case(action, matches):
    assert allowed(allow(action)) is matches


@pytest.mark.parametrize(("resource", "matches"), [
    (QUEUE, True), ("*", True), (f"arn:aws:sqs:*:{ACCOUNT}:ord*", True),
    (f"arn:aws:sqs:us-east-?:{ACCOUNT}:orders", True),
    (f"arn:aws:sqs:us-east-1:{ACCOUNT}:Orders", False), ("arn:aws:sqs:us-*:orders", False),
    ("arn:aws:sqs", True), ("arn:aws:sqs:us-*", True),
    ("arn:aws:sqs:*:*:*", True), ("arn:aws:s3:::orders", False), (["arn:aws:s3:::x", QUEUE], True)])
def test_resources_match_part_by_part(resource, matches):
    assert allowed(allow(resource=resource)) is matches


def test_what_is_named_by_not_is_left_out():
    assert allowed({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    assert not allowed({"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"})
    assert not allowed({"Effect": "Allow", "Action": "*", "NotResource": QUEUE})
    assert allowed({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x"})


def test_variables_are_filled_from_the_request():
    statement = allow("s3:GetObject", "arn:aws:s3:::home/${aws:username}/*")
    more = {"action": "s3:GetObject", "resource": "arn:aws:s3:::home/ann/a"}
    assert allowed(statement, context={"aws:username": ("ann",)}, **more)
    assert not allowed(statement, context={"aws:username": ("bob",)}, **more)
    assert not allowed(statement, context={"aws:username": ("*",)}, **more)  # a value is no wildcard
    assert not allowed(statement, **more)
    assert not allowed(statement, context={"aws:username": ("ann",)}, version="2008-10-17", **more)
    default = allow("s3:GetObject", "arn:aws:s3:::home/${aws:PrincipalTag/team, 'ann'}/*")
    assert allowed(default, **more)


CONDITIONS = [
    ("StringEquals", "a", ["x"], True), ("StringEquals", ["a", "x"], ["x"], True),
    ("StringEquals", "X", ["x"], False),
    ("StringEquals", "x", [], False), ("StringEqualsIfExists", "x", [], True),
    ("StringNotEquals", "x", ["x"], False),
    ("StringNotEquals", ["x", "y"], ["z"], True), ("StringNotEquals", "x", [], True),
    ("StringEqualsIgnoreCase", "X", ["x"], True), ("StringNotEqualsIgnoreCase", "X", ["x"], False),
    ("StringLike", "x*", ["xyz"], True), ("StringLike", "x?", ["xyz"], False),
    ("StringNotLike", "x*", ["xyz"], False),
    ("NumericEquals", "10", ["10.0"], True), ("NumericLessThan", 10, ["9"], True),
    ("NumericLessThan", 10, ["10"], False),
    ("NumericLessThanEquals", "10", ["10"], True), ("NumericGreaterThan", "1", ["no"], False),
    ("NumericGreaterThanEquals", "2", ["2"], True), ("NumericNotEquals", "2", ["3"], True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00Z"], True),
    ("DateLessThan", "2026-01-01", ["2026-01-02T00:00:00Z"], False),
    ("DateEquals", "1767225600", ["2026-01-01"], True),
    ("Bool", "true", ["true"], True), ("Bool", True, ["true"], True), ("Bool", "false", ["true"], False),
    ("Bool", "false", [], False), ("BoolIfExists", "false", [], True),
    ("BinaryEquals", "QUJD", ["QUJD"], True),
    ("IpAddress", "10.0.0.0/8", ["10.1.2.3"], True), ("IpAddress", "10.1.2.3", ["10.1.2.3"], True),
    ("IpAddress", "10.0.0.0/8", ["11.1.2.3"], False), ("NotIpAddress", "10.0.0.0/8", ["11.1.2.3"], True),
    ("IpAddress", "2001:db8::/32", ["2001:db8::1"], True), ("IpAddress", "10.0.0.0/8", ["::1"], False),
    ("ArnEquals", "arn:aws:sns:*:1:t", ["arn:aws:sns:eu:1:t"], True),
    ("ArnLike", "arn:*:1:t", ["arn:aws:sns:eu:1:t"], False),
    ("ArnLike", "arn:aws:*", ["arn:aws:sns:eu:1:t"], True),
    ("ArnNotLike", "arn:aws:sns:*:1:t", ["arn:aws:sns:eu:1:t"], False),
    ("Null", "true", [], True), ("Null", "false", [], False), ("Null", "false", ["x"], True),
    ("Null", "true", ["x"], False),
    ("ForAllValues:StringEquals", ["x", "y"], ["x", "y"], True),
    ("ForAllValues:StringEquals", ["x"], ["x", "y"], False),
    ("ForAllValues:StringEquals", ["x"], [], True), ("ForAnyValue:StringEquals", ["x"], ["x", "y"], True),
    ("ForAnyValue:StringEquals", ["z"], ["x", "y"], False), ("ForAnyValue:StringEquals", ["x"], [], False),
    ("ForAnyValue:StringNotEquals", ["x"], ["x", "y"], True),
    ("ForAllValues:StringNotEquals", ["x"], ["x", "y"], False),
    ("ForAllValues:StringNotLike", ["x*"], ["y", "z"], True),
    ("ForAnyValue:StringLike", ["x*"], ["y", "xz"], True)]


@pytest.mark.parametrize(("operator", "values", "said", "holds"), CONDITIONS)
def test_conditions(operator, values, said, holds):
    values = "x" if values == "a" else values
    context = {"aws:key": tuple(said)} if said else {}
    assert allowed(allow(Condition={operator: {"aws:Key": values}}), context=context) is holds


def test_all_conditions_must_hold():
    both = {"StringEquals": {"a:b": "1", "a:c": "2"}}
    assert allowed(allow(Condition=both), context={"a:b": ("1",), "a:c": ("2",)})
    decision = decide(allow(Condition=both), context={"a:b": ("1",)})
    assert not decision.allowed and decision.missing == ("a:c",)


def test_a_boundary_and_a_session_must_allow_too():
    wide, narrow = policy(allow("*")), policy(allow("s3:*"))
    assert allowed(allow("*"), boundary=wide)
    assert decide(allow("*"), boundary=narrow).because == (
        "because no permissions boundary allows the sqs:SendMessage action")
    assert decide(allow("*"), who=ROLE, session=(narrow,)).because == (
        "because no session policy allows the sqs:SendMessage action")
    assert not allowed(allow("*"), who=ROLE, session=())


def principal(**who):
    return {"Effect": "Allow", "Principal": who, "Action": "sqs:*", "Resource": QUEUE}


def test_a_resources_policy_allows_within_the_account():
    assert allowed(by_resource=principal(AWS=ANN.arn))
    assert allowed(by_resource={**principal(), "Principal": "*"})
    assert allowed(by_resource=principal(AWS=ROLE.role_arn), who=ROLE)
    assert not allowed(by_resource=principal(AWS=ACCOUNT))  # the account may allow it, and has not
    assert allowed(allow(), by_resource=principal(AWS=ACCOUNT))
    assert allowed(by_resource=principal(AWS=ANN.arn), boundary=policy(allow("s3:*")))
    assert not allowed(by_resource=principal(AWS=ROLE.role_arn), who=ROLE, boundary=policy(allow("s3:*")))
    assert allowed(by_resource=principal(AWS=ROLE.arn), who=ROLE, boundary=policy(allow("s3:*")))


def test_another_account_needs_both():
    assert decide(allow("*"), who=STRANGER).because == (
        "because no resource-based policy allows the sqs:SendMessage action")
    assert not allowed(who=STRANGER, by_resource=principal(AWS=STRANGER.arn))
    assert allowed(allow(), who=STRANGER, by_resource=principal(AWS=STRANGER.arn))
    assert allowed(allow(), who=STRANGER, by_resource=principal(AWS="999988887777"))


def test_not_principal_means_everyone_else():
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": ANN.arn}, "Action": "*", "Resource": "*"}
    assert allowed(allow(), by_resource=statement)
    assert decide(allow(), who=ROLE, by_resource=statement).because == (
        "with an explicit deny in a resource-based policy")


def test_services_need_a_resources_word():
    s3 = service_principal("s3", ACCOUNT)
    assert allowed(who=s3, by_resource=principal(Service="s3.amazonaws.com"))
    assert not allowed(who=s3, by_resource=principal(Service="sns.amazonaws.com"))
    assert not allowed(who=s3)


def test_the_account_itself_may_do_what_is_not_denied():
    assert allowed(who=root(ACCOUNT))
    assert not allowed(who=root(ACCOUNT), by_resource={**principal(AWS="*"), "Effect": "Deny"})


def test_a_trust_policy_has_the_last_word():
    assert not allowed(allow("*"), resource_decides=True)
    assert allowed(allow("*"), resource_decides=True, by_resource=principal(AWS=ACCOUNT))


def test_the_keys_that_a_policy_asks_for():
    document = policy(allow(resource="arn:aws:s3:::${aws:username}", Condition={
        "StringEquals": {"aws:RequestedRegion": "${aws:PrincipalTag/r}"}})).document
    assert context_keys(document) == ["aws:RequestedRegion", "aws:username", "aws:PrincipalTag/r"]

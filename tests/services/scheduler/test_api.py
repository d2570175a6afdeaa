"""Schedules and groups: made, changed, listed, deleted, and what AWS says to those that are unsound."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from .conftest import OFF, ROLE

FAR = "at(2099-01-01T00:00:00)"


def given(box, name, **more):
    return {
        "Name": name,
        "ScheduleExpression": FAR,
        "FlexibleTimeWindow": OFF,
        "Target": box.target(),
        **more,
    }


def names(found):
    return [one["Name"] for one in found["Schedules"]]


def test_a_schedule_is_as_it_was_made_with_awss_defaults(scheduler, box):
    made = scheduler.create_schedule(**given(box, "plain"))
    assert made["ScheduleArn"] == "arn:aws:scheduler:us-east-1:000000000000:schedule/default/plain"
    found = scheduler.get_schedule(Name="plain")
    del found["ResponseMetadata"]
    assert found.pop("CreationDate") == found.pop("LastModificationDate")
    assert found == {
        "Arn": made["ScheduleArn"], "GroupName": "default", "Name": "plain", "ScheduleExpression": FAR,
        "ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "FlexibleTimeWindow": OFF,
        "ActionAfterCompletion": "NONE", "Target": {**box.target(), "RetryPolicy": {
            "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}}}


def test_an_update_replaces_everything(scheduler, box, refused):
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    scheduler.create_schedule(
        **given(
            box,
            "changed",
            ScheduleExpression="rate(2 hour)",
            Description="d",
            StartDate=soon,
            State="DISABLED",
            EndDate=soon + timedelta(days=1),
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 7},
        )
    )
    found = scheduler.get_schedule(Name="changed")
    assert (found["StartDate"], found["Description"]) == (soon, "d")
    assert found["FlexibleTimeWindow"]["MaximumWindowInMinutes"] == 7
    scheduler.update_schedule(**given(box, "changed"))
    found = scheduler.get_schedule(Name="changed")
    assert not {"StartDate", "EndDate", "Description"} & found.keys() and found["State"] == "ENABLED"
    assert refused(scheduler.update_schedule, **given(box, "none")) == (
        "ResourceNotFoundException", "Schedule none does not exist.")


def test_the_same_request_twice_is_one(scheduler, box, refused):
    first = given(box, "twice", ClientToken="t1")
    assert (
        scheduler.create_schedule(**first)["ScheduleArn"] == scheduler.create_schedule(**first)["ScheduleArn"]
    )
    for again in ({**first, "ClientToken": "t2"}, {**first, "Description": "other"}):
        assert refused(scheduler.create_schedule, **again) == (
            "ConflictException", "Schedule twice already exists.")
    for _ in range(2):
        scheduler.delete_schedule(Name="twice", ClientToken="t3")
    assert refused(scheduler.delete_schedule, Name="twice", ClientToken="t4") == (
        "ResourceNotFoundException", "Schedule twice does not exist.")
    group = {"Name": "twice", "ClientToken": "t1"}
    assert len({scheduler.create_schedule_group(**group)["ScheduleGroupArn"] for _ in range(2)}) == 1
    assert refused(scheduler.create_schedule_group, Name="twice") == (
        "ConflictException", "Schedule group twice already exists.")


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("cron(0 1 * * * *)", "UTC"),
        ("cron(7 20 * * NOT *)", "UTC"),
        ("rate(10 seconds)", "UTC"),
        ("rate(0 minutes)", "UTC"),
        ("rate(1.5 hours)", "UTC"),
        ("at(2099-01-01)", "UTC"),
        ("every day", "UTC"),
        ("at(2099-02-30T00:00:00)", "UTC"),
        ("at(2099-01-01T00:00:00Z)", "UTC"),
        ("cron(0 9 ? * MON-FRI)", "UTC"),
    ],
)
def test_an_expression_must_be_one(scheduler, box, refused, expression, zone):
    assert refused(scheduler.create_schedule, **given(box, "bad", ScheduleExpression=expression)) == (
        "ValidationException", f"Invalid Schedule Expression {expression}.")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "America", "../etc/passwd"])
def test_a_time_zone_must_be_one(scheduler, box, refused, zone):
    assert refused(scheduler.create_schedule, **given(box, "bad", ScheduleExpressionTimezone=zone)) == (
        "ValidationException", f"Invalid ScheduleExpressionTimezone {zone}.")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
            "MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF.",
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            "MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE.",
        ),
        (
            {"StartDate": datetime(2020, 1, 1, tzinfo=UTC), "ScheduleExpression": "rate(1 hour)"},
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            {
                "StartDate": datetime(2098, 1, 2, tzinfo=UTC),
                "EndDate": datetime(2098, 1, 1, tzinfo=UTC),
                "ScheduleExpression": "rate(1 hour)",
            },
            "The StartDate you specify must come before the EndDate.",
        ),
        (
            {"State": "PAUSED"},
            "1 validation error detected: Value 'PAUSED' at 'state' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ENABLED, DISABLED]",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(scheduler, box, refused, more, message):
    assert refused(scheduler.create_schedule, **given(box, "bad", **more)) == ("ValidationException", message)


def test_what_is_not_honoured_is_refused_by_name(scheduler, box, refused):
    key = "arn:aws:kms:us-east-1:000000000000:key/x"
    code, message = refused(scheduler.create_schedule, **given(box, "bad", KmsKeyArn=key))
    assert code == "NotHonoured" and "KmsKeyArn" in message


@pytest.mark.parametrize(("target", "code", "said"), [
    ({"Arn": "arn:aws:lambda:eu-west-1:000000000000:function:f"}, "ValidationException",
     "The target ARN provided does not match the current region us-east-1."),
    ({"Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "Input": "{"}, "ValidationException",
     "JSON syntax error in input for the target."),
    ({"Arn": "arn:aws:rds:us-east-1:000000000000:db:x"}, "ValidationException",
     "rds is not a supported service for a target."),
    ({"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/x"}, "NotHonoured", "ecs"),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}, "ValidationException",
     "Parameters SqsParameters must be specified."),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "SqsParameters": {"MessageGroupId": "g"}},
     "ValidationException", "Parameters MessageGroupId not valid for the target."),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "KinesisParameters": {"PartitionKey": "g"}},
     "ValidationException", "Parameters KinesisParameters not supported for the target."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:backup:startReportJob", "Input": "{}"}, "ValidationException",
     "backup is not a supported service for a target."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:getQueueUrl", "Input": "{}"}, "ValidationException",
     "getQueueUrl API is not supported."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}, "ValidationException",
     "You must provide an input to set this target for your schedule."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": '{"queueUrl": "x"}'},
     "ValidationException", "Invalid RequestJson provided. Reason Request payload has the following unknown "
                            "field(s): queueUrl."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": "{}"}, "ValidationException",
     "Invalid RequestJson provided. Reason Request payload is missing the following field(s): QueueUrl, "
     "MessageBody."),
    ({"Arn": "arn:aws:sqs:us-east-1:000000000000:q", "EcsParameters": {"TaskDefinitionArn": "x"}},
     "NotHonoured", "EcsParameters")])
def test_a_target_must_be_one_that_can_be_called(scheduler, box, refused, target, code, said):
    found = refused(scheduler.create_schedule, **given(box, "bad", Target={"RoleArn": ROLE, **target}))
    assert found[0] == code
    assert found[1] == said if code == "ValidationException" else said in found[1]


def test_a_role_must_let_the_scheduler_in(cloudlet, scheduler, box, refused):
    iam = cloudlet.client("iam")

    def trusting(name, service, **condition):
        return iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": service},
                        **condition,
                    },
                }
            ),
        )["Role"]["Arn"]

    group = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/"
    closed = ("ValidationException",
              "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
    for arn, expected in (
        (trusting("s1", "lambda.amazonaws.com"), closed),
        (trusting("s2", "scheduler.amazonaws.com"), None),
        (
            trusting(
                "s3",
                "scheduler.amazonaws.com",
                Condition={"StringEquals": {"aws:SourceArn": f"{group}other"}},
            ),
            closed,
        ),
        (
            trusting(
                "s4",
                "scheduler.amazonaws.com",
                Condition={
                    "StringEquals": {"aws:SourceArn": f"{group}default", "aws:SourceAccount": "000000000000"}
                },
            ),
            None,
        ),
    ):
        asked = given(box, arn.rpartition("/")[2], Target={**box.target(), "RoleArn": arn})
        if expected:
            assert refused(scheduler.create_schedule, **asked) == expected
        else:
            scheduler.create_schedule(**asked)


def test_lists_go_page_by_page_through_groups_prefixes_and_states(fresh, box):
    client = fresh().client("scheduler", region="eu-west-1")
    target = {**box.target(), "Arn": box.arn.replace("us-east-1", "eu-west-1")}
    for group in ("default", "a", "z"):
        if group != "default":
            client.create_schedule_group(Name=group)
        for n, name in enumerate(("ab", "abc", "abd", "b", "a")):
            client.create_schedule(**given(box, name, GroupName=group, Target=target,
                                           State="ENABLED" if n % 2 else "DISABLED"))
    def all_of(**asked):
        pages = client.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 2}, **asked)
        return [(one["GroupName"], one["Name"]) for page in pages for one in page["Schedules"]]

    every = [(group, name) for group in ("a", "default", "z") for name in ("a", "ab", "abc", "abd", "b")]
    assert all_of() == every
    assert all_of(GroupName="z") == [pair for pair in every if pair[0] == "z"]
    assert all_of(NamePrefix="ab") == [pair for pair in every if pair[1].startswith("ab")]
    assert all_of(State="ENABLED") == [pair for pair in every if pair[1] in ("abc", "b")]
    assert all_of(NamePrefix="abc", State="ENABLED", GroupName="a") == [("a", "abc")]
    groups = client.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [one["Name"] for page in groups for one in page["ScheduleGroups"]] == ["a", "default", "z"]
    assert [one["Name"] for one in client.list_schedule_groups(NamePrefix="d")["ScheduleGroups"]] == [
        "default"
    ]


def test_a_group_goes_with_all_its_schedules(still, refused):
    running = still("2030-01-01T00:00:00")
    client = running.scheduler
    client.create_schedule_group(Name="doomed")
    for n in range(250):
        client.create_schedule(Name=f"s{n}", GroupName="doomed", ScheduleExpression="at(2030-01-01T01:00:00)",
                               FlexibleTimeWindow=OFF, Target=running.box.target())
    client.create_schedule(Name="kept", ScheduleExpression="at(2030-01-01T01:00:00)", FlexibleTimeWindow=OFF,
                           Target=running.box.target(Input="kept"))
    client.delete_schedule_group(Name="doomed")
    running.go("2030-01-01T01:00:00")
    assert running.box.bodies(1) == ["kept"]
    assert running.box.bodies() == []
    assert refused(client.get_schedule_group, Name="doomed") == (
        "ResourceNotFoundException", "Schedule group doomed does not exist.")
    assert refused(client.create_schedule, Name="x", GroupName="doomed", ScheduleExpression=FAR,
                   FlexibleTimeWindow=OFF, Target=running.box.target())[0] == "ResourceNotFoundException"


def test_the_default_group_is_there_and_stays(scheduler, refused):
    assert scheduler.get_schedule_group(Name="default")["State"] == "ACTIVE"
    said = ("ValidationException", "This operation cannot be performed on schedule group default.")
    assert refused(scheduler.delete_schedule_group, Name="default") == said
    assert refused(scheduler.create_schedule_group, Name="default") == said


def test_groups_have_tags(scheduler, refused):
    arn = scheduler.create_schedule_group(Name="tagged", Tags=[{"Key": "a", "Value": "1"}])[
        "ScheduleGroupArn"
    ]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["b", "none"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": str(n), "Value": ""} for n in range(50)]
    assert refused(scheduler.tag_resource, ResourceArn=arn,
                   Tags=[{**tag, "Value": "v"} for tag in many])[0] == "ServiceQuotaExceededException"
    assert refused(scheduler.list_tags_for_resource, ResourceArn=f"{arn}-none") == (
        "ResourceNotFoundException", "Schedule group tagged-none does not exist.")

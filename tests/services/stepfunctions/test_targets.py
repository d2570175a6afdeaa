"""Who starts state machines: rules of the bus, schedules and pipes."""

import json

from .conftest import ROLE

PASS = {"Type": "Pass", "End": True}


def inputs(sfn, machine):
    """The inputs of a machine's executions, the newest first."""
    listed = sfn.list_executions(stateMachineArn=machine.arn)["executions"]
    return [json.loads(machine.describe(one["executionArn"])["input"]) for one in listed]


def test_a_rule_starts_an_execution_with_the_event(flow, sfn, cloudlet, unique):
    machine, events, name = flow(PASS), cloudlet.client("events"), unique("rule")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    added = events.put_targets(Rule=name, Targets=[{"Id": "m", "Arn": machine.arn, "RoleArn": ROLE},
                                                   {"Id": "n", "Arn": machine.arn, "RoleArn": ROLE,
                                                    "InputPath": "$.detail"}])
    assert added["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": '{"n": 1}'}])
    machine.rest()
    found = inputs(sfn, machine)
    assert {"n": 1} in found
    assert [one["detail"] for one in found if "detail" in one] == [{"n": 1}]


def test_a_schedule_starts_an_execution(flow, sfn, cloudlet, unique):
    machine, scheduler = flow(PASS), cloudlet.client("scheduler")
    name = unique("schedule")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine.arn, "RoleArn": ROLE, "Input": '{"n": 1}'},
    )
    machine.rest(2 * 3600 + 1)
    scheduler.delete_schedule(Name=name)
    assert {"n": 1} in inputs(sfn, machine)


def test_a_schedule_starts_one_by_its_operation_too(flow, sfn, cloudlet, unique):
    machine, scheduler = flow(PASS), cloudlet.client("scheduler")
    name = unique("schedule")
    scheduler.create_schedule(
        Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sfn:startExecution", "RoleArn": ROLE,
            "Input": json.dumps({"StateMachineArn": machine.arn, "Input": '{"n": 2}'})})
    machine.rest(2 * 3600 + 1)
    scheduler.delete_schedule(Name=name)
    assert {"n": 2} in inputs(sfn, machine)


def test_a_pipe_is_enriched_by_one_machine_and_starts_another(flow, sfn, cloudlet, unique):
    enrich = flow({"StartAt": "P", "States": {"P": {
        "Type": "Pass", "Parameters": {"enriched.$": "States.StringToJson($[0].body)"},
        "OutputPath": "$", "End": True}}}, kind="EXPRESS")
    machine, sqs, name = flow(PASS), cloudlet.client("sqs"), unique("pipe")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    pipes = cloudlet.client("pipes")
    pipes.create_pipe(Name=name, RoleArn=ROLE, Source=f"arn:aws:sqs:us-east-1:000000000000:{name}",
                      Enrichment=enrich.arn, Target=machine.arn, TargetParameters={
                          "StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}})
    machine.rest()
    sqs.send_message(QueueUrl=url, MessageBody='{"n": 1}')
    machine.rest()
    pipes.delete_pipe(Name=name)
    assert inputs(sfn, machine) == [[{"enriched": {"n": 1}}]]

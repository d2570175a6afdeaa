"""Distributed Maps: items from wherever they are, children that are executions, and what they came to."""

import gzip
import io
import json

import pytest

from .conftest import task


def distributed(states, **fields):
    """A machine with one distributed Map over these states."""
    kind = fields.pop("kind", "STANDARD")
    start = next(iter(states))
    return {"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "Label": "all", **fields, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": start, "States": states}}}}


PASS = {"P": {"Type": "Pass", "End": True}}
ODD_FAILS = {
    "C": {"Type": "Choice", "Choices": [{"Variable": "$.odd", "BooleanEquals": True, "Next": "F"}],
          "Default": "P"}, "F": {"Type": "Fail", "Error": "Odd"}, **PASS}


@pytest.fixture
def bucket(cloudlet, unique):
    """A bucket, as a function that puts an object."""
    s3, name = cloudlet.client("s3"), unique("items")
    s3.create_bucket(Bucket=name)

    def put(key, body):
        s3.put_object(Bucket=name, Key=key, Body=body)
    put.name, put.s3 = name, s3
    put.read = lambda key: json.loads(s3.get_object(Bucket=name, Key=key)["Body"].read())
    return put


def reader(bucket, key="items", resource="s3:getObject", **config):
    return {"Resource": f"arn:aws:states:::{resource}", "ReaderConfig": config,
            "Parameters": {"Bucket": bucket.name, **({"Key": key} if key else {})}}


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_children_are_executions_and_their_results_are_in_order(flow, sfn, kind):
    machine = flow(distributed(PASS, kind=kind, MaxConcurrency=7))
    arn = machine.start(list(range(50)))
    machine.rest()
    assert json.loads(machine.describe(arn)["output"]) == list(range(50))
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    found = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["maxConcurrency"]) == ("SUCCEEDED", 7)
    assert (found["itemCounts"]["total"], found["itemCounts"]["succeeded"]) == (50, 50)
    assert found["executionCounts"]["succeeded"] == 50
    assert f":mapRun:{machine.name}/all:" in run["mapRunArn"]
    if kind == "STANDARD":
        pages = sfn.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
        children = [one for page in pages for one in page["executions"]]
        assert len(children) == 50
        child = machine.describe(children[0]["executionArn"])
        assert (child["status"], child["mapRunArn"]) == ("SUCCEEDED", run["mapRunArn"])
        assert machine.types(children[0]["executionArn"])[0] == "ExecutionStarted"
        of = sfn.describe_state_machine_for_execution(executionArn=children[0]["executionArn"])
        assert (of["label"], of["mapRunArn"]) == ("all", run["mapRunArn"])
        listed = sfn.list_executions(stateMachineArn=machine.arn)["executions"]
        assert [one["executionArn"] for one in listed] == [arn]


CSV = 'id,name\n1,"a, b"\n2,"two\nlines"\n3,\n'
ROWS = [{"id": "1", "name": "a, b"}, {"id": "2", "name": "two\nlines"}, {"id": "3", "name": ""}]


@pytest.mark.parametrize(("body", "config", "wanted"), [
    (CSV, {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, ROWS),
    (CSV, {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2}, ROWS[:2]),
    ("1|x\n2|y", {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n", "l"],
                  "CSVDelimiter": "PIPE"}, [{"n": "1", "l": "x"}, {"n": "2", "l": "y"}]),
    ('[1, {"a": 2}]', {"InputType": "JSON"}, [1, {"a": 2}]),
    ('{"deep": {"items": [7, 8]}}', {"InputType": "JSON", "ItemsPointer": "/deep/items"}, [7, 8]),
    ('{"n": 1}\n{"n": 2}\n', {"InputType": "JSONL"}, [{"n": 1}, {"n": 2}])],
    ids=["csv", "csv-some", "csv-given", "json", "json-pointer", "jsonl"])
def test_items_are_read_from_an_object(flow, bucket, body, config, wanted):
    bucket("items", body)
    assert flow(distributed(PASS, ItemReader=reader(bucket, **config))).output() == wanted


def test_items_are_the_objects_in_a_bucket(flow, bucket):
    for n in range(12):
        bucket(f"in/{n:02}", "x" * n)
    read = reader(bucket, "", "s3:listObjectsV2")
    read["Parameters"]["Prefix"] = "in/"
    found = flow(distributed(PASS, ItemReader=read)).output()
    assert [one["Key"] for one in found] == [f"in/{n:02}" for n in range(12)]
    assert [one["Size"] for one in found] == list(range(12))


def test_items_are_in_the_files_of_a_manifest(flow, bucket):
    bucket("data/one.csv.gz", gzip.compress(b'"b","k1"\n"b","k2"\n'))
    bucket("items", json.dumps({"destinationBucket": f"arn:aws:s3:::{bucket.name}",
                                "fileSchema": "Bucket, Key", "files": [{"key": "data/one.csv.gz"}]}))
    found = flow(distributed(PASS, ItemReader=reader(bucket, InputType="MANIFEST"))).output()
    assert found == [{"Bucket": "b", "Key": "k1"}, {"Bucket": "b", "Key": "k2"}]


def test_an_object_that_is_not_there_fails_the_reader(flow, bucket):
    found = flow(distributed(PASS, ItemReader=reader(bucket, "none", InputType="JSON"))).run()
    assert found["error"] == "States.ItemReaderFailed"


def test_parquet_is_read_or_refused_with_what_to_install(flow, bucket):
    machine = flow(distributed(PASS, ItemReader=reader(bucket, InputType="PARQUET")))
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        bucket("items", b"PAR1")
        assert "pip install pyarrow" in machine.run()["cause"]
        return
    written = io.BytesIO()
    parquet.write_table(pyarrow.table({"n": [1, 2]}), written)
    bucket("items", written.getvalue())
    assert machine.output() == [{"n": 1}, {"n": 2}]


def test_many_items_are_handed_over_in_parts(flow, bucket, sfn):
    bucket("items", json.dumps(list(range(1300))))
    machine = flow(distributed(PASS, ItemReader=reader(bucket, InputType="JSON"),
                               ItemBatcher={"MaxItemsPerBatch": 100}))
    arn = machine.start()
    machine.rest()
    found = json.loads(machine.describe(arn)["output"])
    assert [item for batch in found for item in batch["Items"]] == list(range(1300))
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    counts = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (counts["itemCounts"]["succeeded"], counts["executionCounts"]["succeeded"]) == (1300, 13)


ITEMS = [{"odd": bool(n % 2), "n": n} for n in range(10)]


def test_some_failures_are_put_up_with(flow, sfn):
    machine = flow(distributed(ODD_FAILS, ToleratedFailureCount=5, MaxConcurrency=1))
    arn = machine.start(ITEMS)
    machine.rest()
    assert [one["n"] for one in json.loads(machine.describe(arn)["output"])] == [0, 2, 4, 6, 8]
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    assert sfn.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]["failed"] == 5


def test_more_failures_fail_the_map_and_stop_its_children(flow, sfn):
    machine = flow(distributed({**ODD_FAILS, "P": {"Type": "Wait", "Seconds": 600, "End": True}}))
    arn = machine.start(ITEMS)
    machine.rest()
    found = machine.describe(arn)
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    assert sfn.describe_map_run(mapRunArn=run["mapRunArn"])["status"] == "FAILED"
    assert sfn.list_executions(mapRunArn=run["mapRunArn"], statusFilter="RUNNING")["executions"] == []
    assert sfn.list_executions(mapRunArn=run["mapRunArn"], statusFilter="ABORTED")["executions"]


def test_a_map_run_is_changed_while_it_runs(flow, sfn):
    machine = flow(distributed({"W": {"Type": "Wait", "Seconds": 10, "End": True}}, MaxConcurrency=1))
    arn = machine.start(list(range(4)))
    machine.rest()
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    counts = sfn.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
    assert (counts["running"], counts["pending"]) == (1, 3)
    sfn.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=10)
    machine.rest()
    assert sfn.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]["running"] == 4
    machine.rest(11)
    assert machine.describe(arn)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_results_are_written_to_a_bucket(flow, bucket, kind):
    machine = flow(distributed(ODD_FAILS, kind=kind, ToleratedFailurePercentage=100, ResultWriter={
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": bucket.name, "Prefix": "out"}}))
    found = machine.output(ITEMS)
    where = found["ResultWriterDetails"]
    assert where["Bucket"] == bucket.name
    manifest = bucket.read(where["Key"])
    files = manifest["ResultFiles"]
    good, bad = (bucket.read(files[name][0]["Key"]) for name in ("SUCCEEDED", "FAILED"))
    assert [json.loads(one["Output"])["n"] for one in good] == [0, 2, 4, 6, 8]
    assert {one["Error"] for one in bad} == {"Odd"}
    assert {one["Status"] for one in bad} == {"FAILED"}
    assert files["PENDING"] == []


def test_results_are_flattened_for_the_state(flow):
    machine = flow(distributed({"P": {"Type": "Pass", "End": True, "Parameters": {"both.$": "$"},
                                      "OutputPath": "$.both"}},
                               ResultWriter={"WriterConfig": {"Transformation": "FLATTEN",
                                                              "OutputType": "JSON"}}))
    assert machine.output([[1, 2], [3]]) == [1, 2, 3]


def test_stopping_the_parent_stops_its_children(flow, sfn):
    machine = flow(distributed({"T": task("states:startExecution.sync", Parameters={
        "StateMachineArn": flow({"Type": "Wait", "Seconds": 500}).arn})}))
    arn = machine.start([1, 2])
    machine.rest()
    sfn.stop_execution(executionArn=arn)
    machine.rest()
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    assert sfn.describe_map_run(mapRunArn=run["mapRunArn"])["status"] == "ABORTED"
    assert len(sfn.list_executions(mapRunArn=run["mapRunArn"], statusFilter="ABORTED")["executions"]) == 2


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_redriven_map_runs_again_only_what_had_not_succeeded(flow, sfn, cloudlet, unique, kind):
    sqs, late = cloudlet.client("sqs"), unique("late")
    url = sqs.create_queue(QueueName=unique("done"))["QueueUrl"]
    machine = flow(distributed({
        "Send": task("sqs:sendMessage", end=False, ResultPath=None, Next="Third?", Parameters={
            "QueueUrl": url, "MessageBody.$": "States.Format('{}', $)"}),
        "Third?": {"Type": "Choice", "Default": "P", "Choices": [
            {"Variable": "$", "NumericEquals": 3, "Next": "Find"}]},
        "Find": task("aws-sdk:sqs:getQueueUrl", ResultSelector={"found": True},
                     Parameters={"QueueName": late}),
        **PASS}, kind=kind, MaxConcurrency=1))
    arn = machine.start([1, 2, 3, 4])
    machine.rest()
    assert machine.describe(arn)["status"] == "FAILED"
    sqs.create_queue(QueueName=late)
    sfn.redrive_execution(executionArn=arn)
    machine.rest()
    assert json.loads(machine.describe(arn)["output"]) == [1, 2, {"found": True}, 4]
    sent = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    again = ["3"] if kind == "EXPRESS" else []  # a Standard child goes on where it failed
    assert sorted(one["Body"] for one in sent) == sorted(["1", "2", "3", "4", *again])
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    found = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["redriveCount"], found["redriveDate"] >= found["startDate"]) == (
        "SUCCEEDED", 1, True)
    wanted = {"total": 4, "succeeded": 4, "failed": 0, "pendingRedrive": 0}
    assert wanted.items() <= found["itemCounts"].items()
    assert wanted.items() <= found["executionCounts"].items()
    [told] = [event for event in machine.events(arn) if event["type"] == "MapRunRedriven"]
    assert told["mapRunRedrivenEventDetails"] == {"mapRunArn": run["mapRunArn"], "redriveCount": 1}


def test_children_of_a_map_run_are_redriven_as_often_as_it_takes_and_no_more_at_once_than_may(
        flow, sfn, cloudlet, unique):
    sqs, late = cloudlet.client("sqs"), unique("late")
    machine = flow(distributed({
        "Find": task("aws-sdk:sqs:getQueueUrl", ResultPath=None, Parameters={"QueueName": late})},
        ItemBatcher={"MaxItemsPerBatch": 2}, MaxConcurrency=3, ToleratedFailurePercentage=40))
    arn = machine.start(list(range(50)))
    machine.rest()
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    for count in (0, 1):
        found = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
        assert (found["status"], found["redriveCount"]) == ("FAILED", count)
        assert found["itemCounts"]["failed"] > 20
        if not count:
            sfn.redrive_execution(executionArn=arn)
            machine.rest()
    sqs.create_queue(QueueName=late)
    sfn.redrive_execution(executionArn=arn)
    machine.rest()
    outputs = json.loads(machine.describe(arn)["output"])
    assert [item for one in outputs for item in one["Items"]] == [*range(50)]
    found = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["redriveCount"], found["executionCounts"]["succeeded"],
            found["itemCounts"]["succeeded"]) == ("SUCCEEDED", 2, 25, 50)
    children = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert (len(children), max(one.get("redriveCount", 0) for one in children)) == (25, 2)


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_children_that_were_stopped_with_their_map_run_are_redriven_with_it(flow, sfn, kind):
    wait = {"W": {"Type": "Wait", "Seconds": 60, "End": True}}
    machine = flow(distributed(wait, kind=kind, MaxConcurrency=2))
    arn = machine.start([1, 2, 3])
    machine.rest()
    sfn.stop_execution(executionArn=arn)
    machine.rest(100)
    sfn.redrive_execution(executionArn=arn)
    machine.rest(200)
    assert json.loads(machine.describe(arn)["output"]) == [1, 2, 3]
    [run] = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    found = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["executionCounts"]["succeeded"]) == ("SUCCEEDED", 3)


def test_a_reader_that_failed_reads_again_when_its_map_is_redriven(flow, sfn, bucket):
    machine = flow(distributed(PASS, ItemReader=reader(bucket, InputType="JSON")))
    arn = machine.start()
    machine.rest()
    assert machine.describe(arn)["status"] == "FAILED"
    bucket("items", b"[1, 2]")
    sfn.redrive_execution(executionArn=arn)
    machine.rest()
    assert json.loads(machine.describe(arn)["output"]) == [1, 2]

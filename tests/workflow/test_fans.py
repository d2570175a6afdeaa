"""Parallel and Map: branches, iterations, and child executions."""

import json

import pytest

from cloudlet.workflow import records

from .driving import ARN, Execution, TaskError, run, state

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def map_of(inner, *, config=None, **fields):
    processor = {"StartAt": "I", "States": {"I": inner}}
    if config:
        processor["ProcessorConfig"] = config
    return {"Type": "Map", "ItemProcessor": processor, **fields}


def ended(strand, ticket, text):
    return records.Answer(strand, ticket, "done", text)


# -- Parallel


def test_the_results_of_branches_stand_in_the_order_of_the_branches():
    branches = [{"StartAt": name, "States": {name: {**TASK, "Parameters": {"n": name}}}} for name in "ABC"]
    execution = Execution(state({"Type": "Parallel", "Branches": branches, "ResultPath": "$.r"}), {"x": 1})
    for strand in (3, 1, 2):
        execution.tell(ended(strand, 1, str(strand)))
    assert execution.output == {"x": 1, "r": [1, 2, 3]}
    assert execution.types.count("ParallelStateSucceeded") == 1


def test_branches_get_the_effective_input():
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
    assert run(
        state(
            {
                "Type": "Parallel",
                "Branches": [branch,
                             branch | {"StartAt": "B2", "States": {"B2": {"Type": "Pass", "End": True}}}],
                "Parameters": {"y.$": "$.x"},
            }
        ),
        {"x": 1},
    ).output == [{"y": 1}, {"y": 1}]
    assert run(state({"Type": "Parallel", "Branches": [branch], "Arguments": "{% $states.input.x %}",
                      "Output": "{% $states.result[0] + 1 %}"}, jsonata=True), {"x": 1}).output == 2


def test_a_branch_that_fails_stops_the_others():
    branches = [{"StartAt": "A", "States": {"A": {**TASK, "TimeoutSeconds": 9}}},
                {"StartAt": "B", "States": {"B": TASK}},
                {"StartAt": "C", "States": {"C": {"Type": "Wait", "Seconds": 60, "End": True}}}]
    machine = state(
        {"Type": "Parallel", "Branches": branches, "Catch": [{"ErrorEquals": ["E"], "Next": "Z"}]},
        Z={"Type": "Succeed"},
    )
    execution = Execution(machine)
    execution.tell(records.Failed(2, 1, "E", "because"))
    failed = next(one.id for one in execution.history if one.type == "TaskFailed")
    after = execution.history[failed:]
    assert [(one.type, one.previous) for one in after[:5]] == [
        ("TaskStateAborted", failed), ("TaskStateAborted", failed), ("WaitStateAborted", failed),
        ("ParallelStateFailed", failed), ("ParallelStateExited", failed + 4)]
    assert execution.output == {"Error": "E", "Cause": "because"}
    assert records.Abandon(1, 1) in execution.effects
    assert not execution.timers
    assert not [key for key in execution.memory.rows if key[1] > 0]


def test_a_parallel_state_is_tried_again_as_a_whole():
    branches = [{"StartAt": name, "States": {name: TASK}} for name in "AB"]
    machine = state({"Type": "Parallel", "Branches": branches, "Retry": [{"ErrorEquals": ["States.ALL"]}]})
    execution = Execution(machine)
    execution.tell(records.Failed(1, 1, "E", None))
    execution.run()
    assert execution.types.count("ParallelStateStarted") == 2
    for strand in (3, 4):
        execution.tell(ended(strand, 1, str(strand)))
    assert execution.output == [3, 4]


# -- Map


def test_iterations_are_limited_and_results_keep_their_order():
    execution = Execution(state(map_of(TASK, MaxConcurrency=2)), [10, 20, 30])
    assert execution.types.count("MapIterationStarted") == 2
    assert [one.previous for one in execution.history if one.type == "MapIterationStarted"] == [3, 3]
    execution.tell(ended(2, 1, "2"))
    assert execution.types.count("MapIterationStarted") == 3
    execution.tell(ended(3, 1, "3"))
    execution.tell(ended(1, 1, "1"))
    assert execution.output == [1, 2, 3]


def test_forty_iterations_run_at_once_if_nothing_is_said():
    assert Execution(state(map_of(TASK)), [0] * 50).types.count("MapIterationStarted") == 40


def test_a_selector_sees_item_index_and_the_input_of_the_state():
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "in.$": "$.k"}
    machine = state(map_of({"Type": "Pass", "End": True}, ItemsPath="$.items", ItemSelector=selector))
    assert run(machine, {"items": ["a", "b"], "k": 1}).output == [{"v": "a", "i": 0, "in": 1},
                                                                  {"v": "b", "i": 1, "in": 1}]
    selector = {"v": "{% $states.context.Map.Item.Value & '!' %}", "in": "{% $states.input.k %}"}
    machine = state(
        map_of({"Type": "Pass", "End": True}, Items="{% $states.input.items %}", ItemSelector=selector),
        jsonata=True,
    )
    assert run(machine, {"items": ["a"], "k": 1}).output == [{"v": "a!", "in": 1}]


def test_the_innermost_item_is_in_the_context_object():
    inner = map_of({"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index"}, "End": True})
    inner["ItemProcessor"]["StartAt"] = "J"
    inner["ItemProcessor"]["States"] = {"J": inner["ItemProcessor"]["States"]["I"]}
    assert run(state(map_of({**inner, "End": True})), [[7, 7], [7]]).output == [[{"i": 0}, {"i": 1}],
                                                                                [{"i": 0}]]


def test_what_is_no_array_can_not_be_gone_over():
    finish = run(state(map_of({"Type": "Pass", "End": True}, ItemsPath="$.x")), {"x": 1}).finish
    assert finish.cause.endswith('Reference path "$.x" must point to array.')
    execution = run(state(map_of({"Type": "Pass", "End": True}), jsonata=True), {"x": 1})
    assert execution.types[-3:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]
    assert execution.finish.cause.endswith('Map state input must be an array but was: {"x":1}')


def test_an_iteration_that_fails_aborts_the_others():
    execution = Execution(state(map_of(TASK)), [1, 2])
    execution.tell(records.Failed(2, 1, "E", None))
    last = next(one.id for one in execution.history if one.type == "TaskFailed")
    assert [(one.type, one.previous, (one.details or {}).get("index"))
            for one in execution.history[last:-1]] == [("MapIterationFailed", last, 1),
                                                       ("TaskStateAborted", last, None),
                                                       ("MapIterationAborted", last, 0),
                                                       ("TaskStateAborted", last, None),
                                                       ("MapStateFailed", last, None)]
    assert execution.finish.error == "E"


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"MaxConcurrencyPath": "$.n"},
         'The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $.n'),
        ({"ToleratedFailureCountPath": "$.n"},
         'The ToleratedFailureCountPath field refers to value "x" which is not a valid integer: $.n'),
        ({"ToleratedFailureCount": -1}, "ToleratedFailureCount cannot be negative."),
        ({"ToleratedFailurePercentage": 101}, "ToleratedFailurePercentage must be between 0 and 100."),
    ],
)
def test_settings_that_are_none_are_named(fields, cause):
    finish = run(state(map_of({"Type": "Pass", "End": True}, ItemsPath="$.i", **fields)),
                 {"i": [], "n": "x"}).finish
    assert finish.cause.endswith(cause)


# -- distributed


def test_each_item_is_a_child_execution():
    machine = state(
        map_of({"Type": "Pass", "Parameters": {"v.$": "$", "in.$": "$$.Execution.Input"}, "End": True},
               config=DISTRIBUTED, Label="L")
    )
    execution = run(machine, [1, 2])
    assert execution.output == [{"v": 1, "in": 1}, {"v": 2, "in": 2}]
    assert execution.types[1:] == ["MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
                                   "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]
    assert (
        execution.history[3]
        .details["mapRunArn"]
        .startswith(ARN.rpartition(":execution:")[0] + ":mapRun:machine/L:")
    )
    assert execution.children[0].types == ["ExecutionStarted", "PassStateEntered", "PassStateExited",
                                           "ExecutionSucceeded"]


def fail_some(numbers):
    def task(effect, given):
        if given in numbers:
            raise TaskError("E")
        return given

    return task


@pytest.mark.parametrize(
    ("fields", "failing", "output"),
    [({}, {1}, None), ({"ToleratedFailureCount": 1}, {1}, [2, 3, 4]),
     ({"ToleratedFailureCount": 1}, {1, 2}, None), ({"ToleratedFailurePercentage": 50}, {1, 2}, [3, 4]),
     ({"ToleratedFailurePercentage": 49}, {1, 2}, None),
     ({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 10}, {1}, None)],
)
def test_so_many_items_may_fail(fields, failing, output):
    execution = run(state(map_of(TASK, config=DISTRIBUTED, **fields)), [1, 2, 3, 4], task=fail_some(failing))
    if output is not None:
        assert execution.output == output
    else:
        assert (execution.finish.error, execution.finish.cause) == (
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )
        assert execution.types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_items_are_put_into_batches():
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.k"}}
    machine = state(
        map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemsPath="$.i", ItemBatcher=batcher)
    )
    assert run(machine, {"i": [1, 2, 3], "k": 9}).output == [
        {"Items": [1, 2], "BatchInput": {"k": 9}}, {"Items": [3], "BatchInput": {"k": 9}}]
    machine = state(
        map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemBatcher={"MaxInputBytesPerBatch": 7})
    )
    assert run(machine, ["aa", "b", "c", "dddd"]).output == [{"Items": ["aa", "b"]}, {"Items": ["c"]},
                                                             {"Items": ["dddd"]}]


def test_items_are_read_and_results_written_by_the_outside():
    machine = state(
        map_of(
            {"Type": "Pass", "End": True},
            config=DISTRIBUTED,
            ItemReader={"Resource": "arn:aws:states:::s3:getObject",
                        "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.n"},
                        "Parameters": {"Bucket.$": "$.b"}},
            ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}},
        )
    )
    asked = []

    def read(effect):
        asked.append((effect.resource, effect.arguments, effect.config["InputType"], effect.max_items))
        return [1, 2]

    def write(effect):
        asked.append((effect.resource, effect.arguments))
        return {"MapRunArn": effect.map_run}

    execution = run(machine, {"b": "in", "n": 5}, reader=read, writer=write)
    assert asked == [("arn:aws:states:::s3:getObject", '{"Bucket":"in"}', "JSON", 5),
                     ("arn:aws:states:::s3:putObject", '{"Bucket":"out"}')]
    assert execution.history[2].details == {"length": 0}
    assert execution.output["MapRunArn"] == execution.history[3].details["mapRunArn"]


@pytest.mark.parametrize("most", [-1, 1.5])
def test_a_reader_must_be_asked_for_a_number_of_items(most):
    machine = state(map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemReader={
        "Resource": "r", "ReaderConfig": {"MaxItemsPath": "$.n"}}))
    execution = run(machine, {"n": most}, reader=lambda effect: [])
    if most == -1:
        assert execution.history[4].details == {"error": "States.ItemReaderFailed",
                                                "cause": "field MaxItems must be positive"}
    else:
        assert execution.finish.cause.endswith(
            'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.n')


def test_what_can_not_be_read_fails_the_map():
    machine = state(map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemReader={"Resource": "r"}))
    execution = Execution(machine)
    execution.tell(records.Failed(0, 1, None, "CSV headers cannot contain duplicates."))
    assert execution.types[3:] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert execution.finish.error == "States.ItemReaderFailed"


def test_items_may_come_in_parts_while_the_first_are_worked_on():
    machine = state(map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemReader={"Resource": "r"}))
    execution = Execution(machine)
    execution.tell(records.ItemsRead(0, 1, [str(number) for number in range(70)], last=False))
    assert len(execution.children) == 70
    assert execution.finish is None
    execution.tell(records.ItemsRead(0, 1, ["70"]))
    assert execution.output == list(range(71))


def test_items_of_an_object_are_its_entries():
    machine = state(map_of({"Type": "Pass", "End": True}, config=DISTRIBUTED, ItemsPath="$.o"))
    assert run(machine, {"o": {"a": 1}}).output == [{"Key": "a", "Value": 1}]


def test_a_map_of_nothing_is_nothing():
    execution = run(state(map_of({"Type": "Pass", "End": True})), [])
    assert execution.output == []
    assert json.loads(execution.history[-1].details["output"]) == []

"""Steps: what is remembered between them, what they cost, and what may happen at any time."""

import msgspec
import pytest

from cloudlet.workflow import definition, interpreter, records

from .driving import Execution, World, run, state

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
PASS = {"Type": "Pass", "End": True}


class Counted(records.Shelf):
    """Memory that notes what is read and written."""

    def __init__(self, rows):
        super().__init__(dict(rows))
        self.reads, self.written, self.get = 0, [], self.read

    def read(self, key):
        self.reads += 1
        return self.rows.get(key)

    def put(self, key, value):
        self.written.append((key, len(value)))
        super().put(key, value)


def mapping(inner, **fields):
    return state({"Type": "Map", "ItemProcessor": {"StartAt": "I", "States": {"I": inner}}, **fields})


def test_all_that_is_remembered_are_bytes_under_keys():
    execution = Execution(mapping({**TASK, "End": True}), [1, 2])
    again = records.Shelf({key: bytes(value) for key, value in execution.memory.rows.items()})
    machine = definition.compile_machine(mapping({**TASK, "End": True}))
    for strand in (1, 2):
        step = interpreter.step(machine, again, records.Answer(strand, 1, "done", "0"), World(), 5)
    assert step.effects[-1] == records.Finish("SUCCEEDED", "[0,0]")


def test_a_wait_of_300_days_is_a_few_small_records_and_one_timer():
    execution = Execution(state({"Type": "Wait", "Seconds": 300 * 86_400}), {"a": 1})
    assert len(execution.timers) == 1
    assert sum(map(len, execution.memory.rows.values())) < 600


def test_a_transition_costs_the_same_late_in_a_history():
    loop = {
        "StartAt": "A",
        "States": {
            "A": {**TASK, "ResultPath": "$.r", "Next": "A2"},
            "A2": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "Z"}],
                   "Default": "A"},
            "Z": {"Type": "Succeed"},
        },
    }
    execution = Execution(loop, {"x": 1})
    memory = execution.memory = Counted(execution.memory.rows)
    costs = []
    for ticket in range(1, 300):
        memory.reads, memory.written = 0, []
        execution.tell(records.Answer(0, ticket, "done", "1"))
        costs.append((memory.reads, [key for key, _ in memory.written]))
    assert costs[5] == costs[-1]
    assert len(memory.rows) == 5


def test_an_iteration_costs_the_same_whether_ten_or_ten_thousand_are_left():
    def cost(items):
        execution = Execution(mapping({**TASK, "End": True}, MaxConcurrency=5), list(range(items)))
        memory = execution.memory = Counted(execution.memory.rows)
        execution.tell(records.Answer(3, 1, "done", "3"))
        return memory.reads, len(memory.written), sum(size for _, size in memory.written)

    few, many = cost(100), cost(10_000)
    assert few[:2] == many[:2]
    assert many[2] < few[2] + 64


def test_a_map_of_ten_thousand_items_is_many_short_steps():
    execution = run(mapping(PASS), [7] * 4000)
    assert execution.output == [7] * 4000
    assert execution.steps > 40
    assert len(execution.memory.rows) < 10


def test_a_loop_does_not_hold_a_step_and_ends_with_the_history():
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {
        "Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "Z"}], "Default": "A"},
        "Z": {"Type": "Succeed"}}}
    execution = run(loop)
    assert execution.steps > 100
    assert (execution.finish.error, execution.finish.cause) == (
        "States.Runtime", "The execution reached the maximum number of history events (25000).")
    assert execution.history[-1].id == len(execution.history) == 25_000


@pytest.mark.parametrize("states", [1, 2, 3, 7])
def test_where_steps_end_makes_no_difference(states):
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "B2"}, "B2": PASS}}
    machine = {
        "StartAt": "M",
        "States": {
            "M": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "P",
                                  "States": {"P": {"Type": "Parallel", "Branches": [branch], "End": True}}},
                "Next": "Z",
            },
            "Z": {"Type": "Pass", "End": True},
        },
    }
    whole, parts = run(machine, [1, 2, 3]), run(machine, [1, 2, 3], states=states)
    assert parts.steps > whole.steps
    assert parts.output == whole.output == [[1], [2], [3]]
    assert sorted(parts.types) == sorted(whole.types)


def test_what_a_step_left_over_is_not_done_for_a_branch_that_was_stopped():
    branches = [{"StartAt": "A", "States": {"A": {**TASK, "End": True}}},
                {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "B2"}, "B2": PASS}}]
    machine = definition.compile_machine(state({"Type": "Parallel", "Branches": branches}))
    memory, world = records.Shelf(), World()
    start = records.Start(records.Origin("a:b:c:d", "n", "r", "m", "mn", 0), "{}")
    step = interpreter.step(machine, memory, start, world, 0, states=4)
    assert step.effects[-1] == records.More()  # B is still to be entered
    step = interpreter.step(machine, memory, records.Failed(1, 1, "E", None), world, 0, states=4)
    assert step.effects[-1] == records.Finish("FAILED", error="E")
    step = interpreter.step(machine, memory, records.Continue(), world, 0)
    assert (step.history, step.effects) == ([], [])


def test_a_step_starts_so_many_children_and_no_more():
    inner = {"StartAt": "I", "States": {"I": PASS},
             "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    machine = definition.compile_machine(state({"Type": "Map", "ItemProcessor": inner}))
    memory, sizes, event = records.Shelf(), [], records.Start(
        records.Origin("a:b:c:d", "n", "r", "m", "mn", 0), str([0] * 5000))
    while True:
        step = interpreter.step(machine, memory, event, World(), 0)
        sizes.append(sum(isinstance(one, records.StartChild) for one in step.effects))
        event = records.Continue()
        if records.More() not in step.effects:
            break
    assert sum(sizes) == 5000
    assert max(sizes) <= 1000


def test_late_and_foreign_answers_have_no_consequence():
    execution = Execution(
        state({**TASK, "TimeoutSeconds": 5, "Retry": [{"ErrorEquals": ["States.Timeout"]}]})
    )
    execution.wake()
    before = len(execution.history)
    for event in (records.Answer(0, 1, "done", "1"), records.Answer(0, 9, "done", "1"),
                  records.Answer(7, 1, "done", "1"), records.Woke(0, 1, "timeout"),
                  records.Failed(0, 1, "E", None), records.Answer(0, 2, "done", "1")):
        execution.tell(event)
    assert len(execution.history) == before
    execution.wake()
    execution.tell(records.Answer(0, 3, "done", "1"))
    assert execution.output == 1
    execution.tell(records.Stop("E"))
    assert execution.finish.status == "SUCCEEDED"


def test_an_execution_is_stopped():
    execution = Execution({**state({"Type": "Wait", "Seconds": 9}), "TimeoutSeconds": 60})
    execution.tell(records.Stop("E", "enough"))
    assert execution.finish == records.Finish("ABORTED", error="E", cause="enough")
    assert [(one.type, one.previous, one.details) for one in execution.history[2:]] == [
        ("ExecutionAborted", 0, {"error": "E", "cause": "enough"})]
    assert not execution.timers


def test_an_execution_that_takes_too_long_times_out():
    execution = run({**state({**TASK, "TimeoutSeconds": 60}), "TimeoutSeconds": 5})
    assert (execution.finish.status, execution.finish.error, execution.now_ms) == (
        "TIMED_OUT", "States.Timeout", 1_700_000_005_000)
    assert execution.types[-1] == "ExecutionTimedOut"
    assert not execution.timers


def test_a_failed_execution_is_taken_up_where_it_failed():
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "Next": "M"}, "M": {
        "Type": "Map", "Items": [1, 2, 3], "QueryLanguage": "JSONata",
        "ItemProcessor": {"StartAt": "I", "States": {"I": {**TASK, "End": True}}}, "End": True}}}
    execution = Execution(machine)
    execution.tell(records.Answer(1, 1, "done", "10"))
    execution.tell(records.Failed(2, 1, "E", None))
    assert execution.finish.status == "FAILED"
    execution.tell(records.Redrive())
    assert execution.history[-3].type == "ExecutionRedriven"
    assert execution.types[-2:] == ["TaskScheduled", "TaskScheduled"]
    for strand in (2, 3):
        execution.tell(records.Answer(strand, 2, "done", f"{strand}0"))
    assert execution.output == [10, 20, 30]
    assert execution.types.count("PassStateEntered") == 1


def test_a_redriven_execution_has_its_time_again_and_a_running_one_is_left_alone():
    execution = Execution({**state(TASK), "TimeoutSeconds": 5})
    before = len(execution.history)
    execution.tell(records.Redrive())
    assert len(execution.history) == before
    execution.run()
    assert execution.finish.status == "TIMED_OUT"
    execution.tell(records.Redrive())
    assert [timer.at_ms for timer in execution.timers.values()] == [execution.now_ms + 5000]
    execution.tell(records.Answer(0, 2, "done", "1"))
    assert execution.output == 1


def test_events_and_effects_can_be_kept_as_bytes():
    origin = records.Origin("a", "n", "r", "m", "mn", 0)
    for event in (records.Start(origin, "{}"), records.Woke(1, 2, "wait"), records.Answer(1, 2, "done", "1"),
                  records.Failed(1, 2, "E", None), records.Continue(), records.Stop()):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=records.Event) == event


def test_the_members_of_an_event_are_named_as_the_api_names_them():
    names = {
        type: records.Recorded(1, 0, type, 0).member
        for type in ("PassStateEntered", "MapStateExited", "MapStateStarted", "TaskSucceeded",
                     "ExecutionFailed", "EvaluationFailed")
    }
    assert names == {
        "PassStateEntered": "stateEnteredEventDetails", "MapStateExited": "stateExitedEventDetails",
        "MapStateStarted": "mapStateStartedEventDetails", "TaskSucceeded": "taskSucceededEventDetails",
        "ExecutionFailed": "executionFailedEventDetails", "EvaluationFailed": "evaluationFailedEventDetails"}

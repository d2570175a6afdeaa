"""Fn::ForEach of AWS::LanguageExtensions."""

import pytest

from cloudlet.errors import ValidationError
from cloudlet.stacks.document import load
from cloudlet.stacks.loops import expand


def expanded(text, **parameters):
    return expand(load(text), parameters, account="1", region="r")


def test_a_loop_is_written_out_with_its_lines():
    document = expanded(
        """Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList}
Resources:
  Fn::ForEach::Queues:
    - Name
    - !Ref Names
    - Queue${Name}:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: !Sub "q-${Name}"
          Tags: [{Key: name, Value: !Ref Name}]
  Plain: {Type: 'AWS::SQS::Queue'}
""",
        Names="A,B",
    )
    assert list(document.body["Resources"]) == ["QueueA", "QueueB", "Plain"]
    assert document.body["Resources"]["QueueB"]["Properties"] == {
        "QueueName": {"Fn::Sub": "q-B"},
        "Tags": [{"Key": "name", "Value": "B"}],
    }
    assert document.line("Resources", "QueueB", "Properties", "QueueName") == 11


def test_loops_may_be_nested_and_mixed_with_properties():
    document = expanded("""
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Outer:
    - A
    - [x, y]
    - Fn::ForEach::Inner:
        - B
        - ["1", "2"]
        - R${A}${B}: {Type: T, Properties: {'Fn::ForEach::P': [C, [p], {'${C}${A}': !Ref B}], Fixed: 1}}
""")
    assert list(document.body["Resources"]) == ["Rx1", "Rx2", "Ry1", "Ry2"]
    assert document.body["Resources"]["Ry2"]["Properties"] == {"py": "2", "Fixed": 1}


def test_a_loop_that_makes_a_name_twice_is_refused():
    with pytest.raises(ValidationError, match=r"makes Same twice \(line 2\)"):
        expanded(
            "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::X': [A, [1, 2], {Same: "
            "{Type: T}}]}"
        )

"""A template's text."""

import pytest

from cloudlet.errors import ValidationError
from cloudlet.stacks.document import load


def test_short_forms_become_long_ones():
    body = load("""
A: !Ref Queue
B: !GetAtt Queue.Arn
C: !GetAtt Nested.Outputs.Name
D: !Sub "${A}-x"
E: !Join [",", [!Ref A, b]]
F: !If [IsProd, 1, !Ref "AWS::NoValue"]
G: !Not [!Condition IsProd]
H: !Base64
  Fn::Sub: x
""").body
    assert body == {
        "A": {"Ref": "Queue"},
        "B": {"Fn::GetAtt": ["Queue", "Arn"]},
        "C": {"Fn::GetAtt": ["Nested", "Outputs.Name"]},
        "D": {"Fn::Sub": "${A}-x"},
        "E": {"Fn::Join": [",", [{"Ref": "A"}, "b"]]},
        "F": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]},
        "G": {"Fn::Not": [{"Condition": "IsProd"}]},
        "H": {"Fn::Base64": {"Fn::Sub": "x"}},
    }


def test_dates_and_keys_stay_texts():
    body = load("AWSTemplateFormatVersion: 2010-09-09\n123456789012: yes\nn: 30\nf: 1.5\nz: ~\n").body
    assert body == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "123456789012": True,
        "n": 30,
        "f": 1.5,
        "z": None,
    }


def test_yaml_knows_the_line_of_everything():
    document = load(
        "Resources:\n  Q:\n    Type: X\n    Properties:\n      Name: !Sub\n        - a\n        - {}\n"
    )
    assert document.line("Resources", "Q", "Properties", "Name", "Fn::Sub", 0) == 6
    assert document.line("Resources", "Q", "Properties", "Missing", "Deep") == 4


def test_json_with_tabs_and_surrogates_knows_its_lines():
    document = load('{\n\t"Resources": {\n\t\t"Q": "\\ud83d\\ude00"\n\t}\n}')
    assert document.body == {"Resources": {"Q": "😀"}}
    assert document.line("Resources", "Q") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": \n x}', "JSON not well-formed. (line 2, column 2)"),
        ("a: [", "YAML not well-formed. (line 2, column 1)"),
        ("a:\n\tb: 1", "YAML not well-formed. (line 2, column 1)"),
        ("a: 1\nb: !Foo x", "unknown tag !Foo (line 2)"),
        ("just text", "unsupported structure."),
        ("", "unsupported structure."),
    ],
)
def test_what_is_not_well_formed_is_refused_with_its_line(text, message):
    with pytest.raises(ValidationError) as error:
        load(text)
    assert str(error.value) == f"Template format error: {message}"


def test_aliases_can_not_make_a_template_explode():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(ValidationError, match="too many values"):
        load("\n".join(lines))

"""Every intrinsic function."""

import pytest

from cloudlet.errors import ValidationError

from .toys import value_of

_EXTENDED = "Transform: AWS::LanguageExtensions"
_MAPS = "Mappings:\n  Sizes:\n    eu-west-1: {small: 1, zones: [a, b]}"
_PARAMETERS = (
    "Parameters:\n  Stage: {Type: String, Default: dev}\n  Ports: {Type: CommaDelimitedList, Default: "
    "'1, 2'}\n"
    "  Count: {Type: Number, Default: 3}\n"
    "Conditions:\n  IsDev: !Equals [!Ref Stage, dev]\n  IsProd: !Not [!Condition IsDev]\n"
    "  Both: !And [!Condition IsDev, !Equals [!Ref Count, '3']]\n"
    "  Either: !Or [!Condition IsProd, !Condition Both]"
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Box", "box-1"),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::AccountId", "123456789012"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::StackName", "shop"),
        ("!Ref AWS::StackId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/u-u-i-d"),
        ("!Ref AWS::NotificationARNs", []),
        ("!Ref AWS::NoValue", None),
        ("[1, !Ref 'AWS::NoValue', 2]", [1, 2]),
        ("{a: !Ref 'AWS::NoValue', b: 1}", {"b": 1}),
        ("!GetAtt Box.Arn", "arn:box-1"),
        ("!Sub '${Box}/${Box.Arn}/${AWS::Region}/${!Literal}/$x'", "box-1/arn:box-1/eu-west-1/${Literal}/$x"),
        ("!Sub ['${A}-${Box}', {A: !GetAtt Box.Arn}]", "arn:box-1-box-1"),
        ("!Sub ['${N}', {N: 5}]", "5"),
        ("!Join ['-', [a, 1, !Ref Box]]", "a-1-box-1"),
        ("!Join ['', [true, 2.0]]", "true2"),
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['0', !Split ['/', a/b]]", "a"),
        ("!Split [',', 'a,b,,c']", ["a", "b", "", "c"]),
        ("!Base64 hällo", "aMOkbGxv"),
        ("!Cidr [10.0.0.0/16, 3, 8]", ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ("!Cidr [10.0.0.0/24, 2, 4]", ["10.0.0.0/28", "10.0.0.16/28"]),
        ("!GetAZs ''", ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ("!GetAZs us-east-1", ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("Fn::Join: ['', [a, {Ref: Box}]]", "abox-1"),
        ("{Condition: text}", {"Condition": "text"}),
    ],
)
def test_a_function_gives(expression, value):
    assert value_of(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!FindInMap [Sizes, !Ref 'AWS::Region', small]", 1),
        ("!FindInMap [Sizes, eu-west-1, zones]", ["a", "b"]),
        ("!FindInMap [Sizes, mars, small, {DefaultValue: 9}]", 9),
    ],
)
def test_a_mapping_gives(expression, value):
    assert value_of(expression, sections=_MAPS) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Ref Stage", "dev"),
        ("!Ref Count", "3"),
        ("!Ref Ports", ["1", "2"]),
        ("!Sub '${Ports}'", "1,2"),
        ("!Join ['+', !Ref Ports]", "1+2"),
        ("!Select [!Ref Zero, !Ref Ports]", None),
        ("!If [IsDev, a, b]", "a"),
        ("!If [IsProd, a, b]", "b"),
        ("!If [Both, a, b]", "a"),
        ("!If [Either, a, b]", "a"),
        ("!If [IsProd, !GetAtt Box.Arn, !Ref 'AWS::NoValue']", None),
    ],
)
def test_parameters_and_conditions_decide(expression, value):
    if "Zero" in expression:
        expression = expression.replace("!Ref Zero", "0")
        value = "1"
    assert value_of(expression, sections=_PARAMETERS) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("Fn::Length: [a, b, c]", 3),
        ("Fn::ToJsonString: {a: !Ref Box, b: [1, true]}", '{"a":"box-1","b":[1,true]}'),
    ],
)
def test_language_extensions_give(expression, value):
    assert value_of(expression, sections=_EXTENDED) == value


def test_an_import_gives_what_another_stack_exports():
    assert value_of("!ImportValue net", exports={"net": "vpc-1"}) == "vpc-1"
    assert value_of("Fn::ImportValue: !Sub '${AWS::StackName}-net'", exports={"shop-net": "vpc-2"}) == "vpc-2"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "!Ref Nobody",
            "Unresolved resource dependencies [Nobody] in the Resources block of the template (line 9)",
        ),
        ("!GetAtt Nobody.Arn", "instance of Fn::GetAtt references undefined resource Nobody (line 9)"),
        ("!Sub '${Nobody.Arn}'", "instance of Fn::GetAtt references undefined resource Nobody (line 9)"),
        ("!GetAtt Box.Colour", "resource Box does not support attribute type Colour in Fn::GetAtt (line 9)"),
        ("!Select [3, [a]]", "Fn::Select  cannot select nonexistent value at index 3 (line 9)"),
        ("!FindInMap [A, b, c]", "Unable to get mapping for A::b::c (line 9)"),
        ("!Join [a]", "Fn::Join requires a list of 2 arguments (line 9)"),
        ("!Cidr [10.0.0.0/24, 99, 8]", "Fn::Cidr: 10.0.0.0/24 does not hold 99 blocks of 8 bits (line 9)"),
        (
            "!If [Nobody, 1, 2]",
            "Unresolved condition dependency Nobody in the Resources block of the template (line 9)",
        ),
        ("!ImportValue nobody", "No export named nobody found. (line 9)"),
        ("Fn::Length: [a]", "Fn::Length needs Transform: AWS::LanguageExtensions (line 9)"),
        ("Fn::Nonsense: [a]", "Fn::Nonsense is not a function that cloudlet honours (line 9)"),
        (
            "Fn::Transform: {Name: 'AWS::Include', Parameters: {Location: x}}",
            "The transform AWS::Include is not honoured by cloudlet (line 9)",
        ),
    ],
)
def test_what_can_not_be_evaluated_is_refused_with_its_line(expression, message):
    with pytest.raises(ValidationError) as error:
        value_of(expression)
    assert str(error.value).endswith(message)


def test_conditions_may_not_go_in_circles():
    with pytest.raises(ValidationError, match=r"Circular dependency between conditions: \[A, B\]"):
        value_of("1", sections="Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]")

"""The form of a template, its parameters, rules, types and graph."""

import pytest

from cloudlet.errors import ValidationError
from cloudlet.stacks import graph

from .toys import goal_of

_BOX = "Resources:\n  Box:\n    Type: Toy::Box\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Description: x", "Template format error: At least one Resources member must be defined."),
        (_BOX + "Colour: red", "Invalid template property or properties [Colour] (line 4)"),
        (
            "Resources:\n  my-box: {Type: 'Toy::Box'}",
            "Template format error: Resource name my-box is non alphanumeric. (line 2)",
        ),
        (
            "Resources:\n  Box: {Properties: {}}",
            "Template format error: [/Resources/Box] Every Resources object must contain a Type member. "
            "(line 2)",
        ),
        (_BOX + "    Colour: red", "Invalid template resource property 'Colour' (line 4)"),
        (
            _BOX + "    CreationPolicy: {}",
            "CreationPolicy of the resource Box is not honoured by cloudlet. (line 4)",
        ),
        (
            _BOX + "    DeletionPolicy: Snapshot",
            "DeletionPolicy Snapshot is not honoured by cloudlet: nothing here can make a snapshot. (line 4)",
        ),
        (
            _BOX + "    DeletionPolicy: Keep",
            "Template format error: Unrecognized DeletionPolicy Keep (line 4)",
        ),
        (
            _BOX + "    DependsOn: Nobody",
            "Template format error: Unresolved resource dependencies [Nobody] in the Resources "
            "block of the template (line 4)",
        ),
        (
            _BOX + "    Condition: Nobody",
            "Template format error: Unresolved condition dependency Nobody in the Resources "
            "block of the template (line 4)",
        ),
        (
            _BOX + "Outputs:\n  A: {Value: !Ref Nobody}",
            "Template format error: Unresolved resource dependencies [Nobody] in "
            "the Outputs block of the template (line 5)",
        ),
        (
            _BOX + "Outputs:\n  A: {Description: x}",
            "Template format error: Output A is malformed. Every Outputs member must "
            "contain a Value object (line 5)",
        ),
        (
            _BOX + "Conditions:\n  A: !Equals [!Ref Box, 1]",
            "Template error: Unresolved dependencies [Box]. Cannot reference resources in the "
            "Conditions block of the template "
            "(line 5)",
        ),
        (
            _BOX + "Parameters:\n  P: {Type: Text}",
            "Template format error: Unrecognized parameter type: Text (line 5)",
        ),
        (
            _BOX + "Parameters:\n  P: {Type: String, Colour: x}",
            "Invalid template parameter property 'Colour' (line 5)",
        ),
        (
            _BOX + "Parameters:\n  Box: {Type: String, Default: x}",
            "Template format error: Duplicate logical id [Box] in Parameters and Resources (line 2)",
        ),
        (
            _BOX + "Parameters:\n  P: {Type: String, AllowedPattern: '[a'}",
            "Template format error: Parameter P: AllowedPattern is no regular expression: unterminated "
            "character set at position 0 (line 5)",
        ),
        (
            _BOX + "Parameters:\n  P: {Type: String, AllowedPattern: '\\p{Han}'}",
            "Template format error: Parameter P: AllowedPattern is no regular expression: cloudlet does not "
            "know the class \\p{Han} (line 5)",
        ),
        (
            _BOX + "Mappings:\n  M: {a: b}",
            "Template format error: Every Mappings attribute must be a map. (M.a) (line 5)",
        ),
    ],
)
def test_a_malformed_template_is_refused_with_its_line(text, message):
    with pytest.raises(ValidationError) as error:
        goal_of(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        ("{Type: String}", None, "Parameters: [P] must have values"),
        ("{Type: Number}", "x", "Parameter 'P' must be a number."),
        ("{Type: Number, MinValue: 2}", "1", "Parameter 'P' must be a number not less than 2"),
        ("{Type: Number, MaxValue: 2}", "3", "Parameter 'P' must be a number not greater than 2"),
        ("{Type: String, AllowedValues: [a, b]}", "c", "Parameter 'P' must be one of AllowedValues [a, b]"),
        ("{Type: String, MinLength: 2}", "a", "Parameter 'P' must contain at least 2 characters"),
        ("{Type: String, MaxLength: 2}", "abc", "Parameter 'P' must contain at most 2 characters"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "A", "Parameter 'P' must match pattern [a-z]+"),
        (
            "{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: small letters}",
            "A",
            "Parameter P failed to satisfy constraint: small letters",
        ),
        (
            "{Type: String, AllowedPattern: '\\p{Alpha}[\\p{Digit}_]*'}",
            "1a",
            "Parameter 'P' must match pattern \\p{Alpha}[\\p{Digit}_]*",
        ),
        ("{Type: List<Number>}", "1,x", "Parameter 'P' must be a number."),
        (
            "{Type: CommaDelimitedList, AllowedValues: [a, b]}",
            "a, c",
            "Parameter 'P' must be one of AllowedValues [a, b]",
        ),
    ],
)
def test_a_parameter_that_will_not_do_is_refused(spec, given, message):
    with pytest.raises(ValidationError) as error:
        goal_of(f"Parameters:\n  P: {spec}\n{_BOX}", {} if given is None else {"P": given})
    assert str(error.value) == message


def test_a_parameter_that_is_not_declared_is_refused():
    with pytest.raises(ValidationError, match=r"Parameters: \[Q\] do not exist in the template"):
        goal_of(_BOX, {"Q": "1"})


def test_a_rule_that_fails_is_told():
    text = (
        "Parameters:\n  Stage: {Type: String, Default: prod}\n  Size: {Type: String, Default: "
        "s}\nRules:\n  Big:\n"
        "    RuleCondition: !Equals [!Ref Stage, prod]\n    Assertions:\n"
        "      - Assert: !Contains [[l, xl], !Ref Size]\n        AssertDescription: production is large\n"
        + _BOX
    )
    with pytest.raises(ValidationError, match=r"Rule Big failed: production is large \(line 8\)"):
        goal_of(text)
    assert goal_of(text, {"Size": "xl"}) and goal_of(text, {"Stage": "dev"})


def test_every_type_and_property_that_is_not_honoured_is_told_at_once():
    with pytest.raises(ValidationError) as error:
        goal_of("""
Resources:
  A:
    Type: Toy::Crate
  B:
    Type: Toy::Box
    Properties:
      Colour: red
      Size: large
      Rules:
        - {Days: 3, Status: Sometimes}
        - !If [Never, {Dais: 3}, !Ref AWS::NoValue]
Conditions:
  Never: !Equals [1, 2]
""")
    assert str(error.value).splitlines() == [
        "Template format error: Unrecognized resource types: [Toy::Crate] (resource A, line 4)",
        "Properties validation failed for resource B (Toy::Box) with message: #: the property Colour is "
        "not honoured by "
        "cloudlet (line 8)",
        "Properties validation failed for resource B (Toy::Box) with message: #/Size: Expected `int`, "
        "got `str` (line 9)",
        "Properties validation failed for resource B (Toy::Box) with message: #/Rules/0/Status: "
        "Sometimes is not a valid "
        "enum value of [Disabled, Enabled] (line 11)",
        "Properties validation failed for resource B (Toy::Box) with message: #/Rules/1: required key "
        "[Days] not found "
        "(line 12)",
        "Properties validation failed for resource B (Toy::Box) with message: #/Rules/1: the property "
        "Dais is not "
        "honoured by cloudlet (line 12)",
    ]


def test_what_needs_what_is_found_in_functions_and_depends_on():
    goal = goal_of("""
Resources:
  A: {Type: 'Toy::Box', Properties: {Name: !Sub 'x-${B}'}}
  B: {Type: 'Toy::Box', Properties: {Policy: {x: [!GetAtt C.Arn]}}}
  C: {Type: 'Toy::Box', DependsOn: [D, Gone]}
  D: {Type: 'Toy::Box', Metadata: {see: !If [Never, !Ref A, none]}}
  Gone: {Type: 'Toy::Box', Condition: Never}
Conditions: {Never: !Equals [1, 2]}
""")
    assert goal.graph == {"A": {"B"}, "B": {"C"}, "C": {"D"}, "D": set()}
    assert graph.order(goal.graph) == ["D", "C", "B", "A"]


def test_a_circle_is_refused():
    with pytest.raises(ValidationError) as error:
        goal_of(
            "Resources:\n  A: {Type: 'Toy::Box', Properties: {Name: !Ref B}}\n  B: {Type: 'Toy::Box', "
            "DependsOn: C}\n"
            "  C: {Type: 'Toy::Box', Properties: {Policy: {x: !GetAtt A.Arn}}}\n  D: {Type: 'Toy::Box'}"
        )
    assert str(error.value) == "Circular dependency between resources: [A, B, C] (line 2)"


def test_what_a_condition_left_out_can_not_be_referred_to():
    with pytest.raises(ValidationError, match=r"Unresolved resource dependencies \[Gone\] .* \(line 4\)"):
        goal_of(
            "Conditions: {Never: !Equals [1, 2]}\nResources:\n  Gone: {Type: 'Toy::Box', Condition: Never}\n"
            "  A: {Type: 'Toy::Box', Properties: {Name: !Ref Gone}}"
        )


def test_a_resource_may_have_a_description_and_a_version():
    goal = goal_of(_BOX + "    Description: where things are\n    Version: 1\n")
    assert list(goal.resources) == ["Box"]

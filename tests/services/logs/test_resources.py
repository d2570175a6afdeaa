"""What templates say of log groups."""

import json


def template(**group):
    return {
        "Resources": {
            "G": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/stack/g", **group}},
            "S": {
                "Type": "AWS::Logs::LogStream",
                "Properties": {"LogGroupName": {"Ref": "G"}, "LogStreamName": "s"},
            },
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["G", "Arn"]}}},
    }


def test_a_template_makes_changes_and_removes_a_group(cloudlet):
    client, logs = cloudlet.client("cloudformation"), cloudlet.client("logs")

    def stack(verb, **params):
        getattr(client, f"{verb}_stack")(StackName="groups", **params)
        client.get_waiter(f"stack_{verb}_complete").wait(
            StackName="groups", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})

    def group():
        return logs.describe_log_groups(logGroupNamePrefix="/stack/g")["logGroups"][0]

    stack("create", TemplateBody=json.dumps(template(RetentionInDays="7", Tags=[{"Key": "a", "Value": "b"}])))
    arn = client.describe_stacks(StackName="groups")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert group()["retentionInDays"] == 7 and group()["arn"] == arn
    stack("update", TemplateBody=json.dumps(template()))
    assert "retentionInDays" not in group()
    assert logs.list_tags_log_group(logGroupName="/stack/g")["tags"].get("a") is None
    assert [
        one["logStreamName"] for one in logs.describe_log_streams(logGroupName="/stack/g")["logStreams"]
    ] == ["s"]
    stack("delete")
    assert logs.describe_log_groups(logGroupNamePrefix="/stack/g")["logGroups"] == []

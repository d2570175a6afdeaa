"""What templates say of parameters, secrets and log groups."""

import json


def deploy(cloudlet, name, template, verb="create"):
    client = cloudlet.client("cloudformation")
    getattr(client, f"{verb}_stack")(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter(f"stack_{verb}_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    found = client.describe_stacks(StackName=name)["Stacks"][0]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}


def template(value):
    return {"Resources": {
        "P": {"Type": "AWS::SSM::Parameter", "Properties": {
            "Name": "/stack/p", "Type": "String", "Value": value, "Tags": {"a": "b"}}},
        "Named": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "StringList", "Value": "a,b"}}},
        "Outputs": {"Value": {"Value": {"Fn::GetAtt": ["P", "Value"]}}, "Name": {"Value": {"Ref": "Named"}}}}


def test_a_template_writes_a_parameter_and_its_next_version(cloudlet):
    ssm = cloudlet.client("ssm")
    out = deploy(cloudlet, "parameters", template("1"))
    assert out["Value"] == "1" and ssm.get_parameter(Name=out["Name"])["Parameter"]["Type"] == "StringList"
    assert deploy(cloudlet, "parameters", template("2"), "update")["Value"] == "2"
    found = ssm.get_parameter(Name="/stack/p")["Parameter"]
    assert (found["Value"], found["Version"]) == ("2", 2)
    client = cloudlet.client("cloudformation")
    client.delete_stack(StackName="parameters")
    client.get_waiter("stack_delete_complete").wait(StackName="parameters", WaiterConfig={"Delay": 0.05})
    assert ssm.get_parameters(Names=["/stack/p", out["Name"]])["Parameters"] == []

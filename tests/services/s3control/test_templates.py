"""Access points in templates."""

import json

import pytest

ACCOUNT = "000000000000"


def policy(name):
    arn = {"Fn::Sub": f"arn:aws:s3:${{AWS::Region}}:${{AWS::AccountId}}:accesspoint/{name}/object/*"}
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "000000000009"}, "Action": "s3:GetObject", "Resource": arn}]}


def template(**properties):
    point = {"Type": "AWS::S3::AccessPoint", "Properties": {"Bucket": {"Ref": "Store"}, **properties}}
    return json.dumps({"Resources": {"Store": {"Type": "AWS::S3::Bucket"}, "Point": point}, "Outputs": {
        "Name": {"Value": {"Ref": "Point"}}, "Store": {"Value": {"Ref": "Store"}},
        **{name: {"Value": {"Fn::GetAtt": ["Point", name]}} for name in ("Arn", "Alias", "NetworkOrigin")}}})


@pytest.fixture
def stack(cloudlet):
    """Create or update a stack to what a template says; its outputs come back."""
    client = cloudlet.client("cloudformation")

    def deploy(verb, name, body):
        getattr(client, f"{verb}_stack")(StackName=name, TemplateBody=body)
        client.get_waiter(f"stack_{verb}_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        outputs = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        return {one["OutputKey"]: one["OutputValue"] for one in outputs}

    return deploy


def test_a_template_makes_changes_and_deletes_an_access_point(cloudlet, stack, s3, control, refused):
    tags = [{"Key": "team", "Value": "blue"}]
    made = stack("create", "points", template(Name="reports", Policy=policy("reports"), Tags=tags))
    assert (made["Name"], made["NetworkOrigin"]) == ("reports", "Internet")
    s3.put_object(Bucket=made["Alias"], Key="k", Body=b"through")
    assert s3.get_object(Bucket=made["Store"], Key="k")["Body"].read() == b"through"
    shown = control.get_access_point_policy(AccountId=ACCOUNT, Name="reports")["Policy"]
    assert json.loads(shown)["Statement"][0]["Resource"] == f"{made['Arn']}/object/*"
    which = {"AccountId": ACCOUNT, "ResourceArn": made["Arn"]}
    assert tags[0] in control.list_tags_for_resource(**which)["Tags"]
    again = stack("update", "points", template(Name="reports"))
    assert again["Alias"] == made["Alias"]
    with refused("NoSuchAccessPointPolicy"):
        control.get_access_point_policy(AccountId=ACCOUNT, Name="reports")
    assert tags[0] not in control.list_tags_for_resource(**which)["Tags"]
    s3.delete_object(Bucket=made["Store"], Key="k")
    client = cloudlet.client("cloudformation")
    client.delete_stack(StackName="points")
    client.get_waiter("stack_delete_complete").wait(StackName="points", WaiterConfig={"Delay": 1})
    with refused("NoSuchAccessPoint"):
        control.get_access_point(AccountId=ACCOUNT, Name="reports")


def test_a_point_without_a_name_gets_one_and_other_blocks_make_another(stack, control):
    made = stack("create", "named", template())
    assert made["Name"].startswith("named-point-") and len(made["Name"]) <= 50
    again = stack("update", "named", template(PublicAccessBlockConfiguration={"BlockPublicAcls": True}))
    assert again["Name"] != made["Name"]
    shown = control.get_access_point(AccountId=ACCOUNT, Name=again["Name"])
    assert shown["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False}


def test_a_vpc_is_refused_by_name(cloudlet, refused):
    with refused("ValidationError") as caught:
        cloudlet.client("cloudformation").create_stack(
            StackName="private", TemplateBody=template(VpcConfiguration={"VpcId": "vpc-1"}))
    assert "VpcConfiguration" in str(caught.value)

"""IAM in templates."""

import json

from cloudlet.services.iam.service import iam as service

TEMPLATE = {
    "Parameters": {"Action": {"Type": "String", "Default": "sqs:SendMessage"},
                   "Text": {"Type": "String", "Default": "first"}},
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com"]},
                 "Action": ["sts:AssumeRole"]}]},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
            "Description": {"Ref": "Text"}, "Tags": [{"Key": "lambda:createdBy", "Value": "SAM"}],
            "Policies": [{"PolicyName": "p0", "PolicyDocument": {"Statement": [
                {"Effect": "Allow", "Action": [{"Ref": "Action"}], "Resource": "*"}]}}]}},
        "Group": {"Type": "AWS::IAM::Group"},
        "User": {"Type": "AWS::IAM::User", "Properties": {"Groups": [{"Ref": "Group"}]}},
        "Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}},
        "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {
            "Roles": [{"Ref": "Role"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": {"Ref": "Action"}, "Resource": "*"}]}}},
        "Inline": {"Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "shared", "Users": [{"Ref": "User"}], "Roles": [{"Ref": "Role"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}},
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}}},
    "Outputs": {"Role": {"Value": {"Ref": "Role"}}, "Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
                "User": {"Value": {"Ref": "User"}}, "Key": {"Value": {"Ref": "Key"}},
                "Secret": {"Value": {"Fn::GetAtt": ["Key", "SecretAccessKey"]}},
                "Managed": {"Value": {"Ref": "Managed"}}}}


def outputs(cloudformation, waiter):
    cloudformation.get_waiter(waiter).wait(StackName="people", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    stack = cloudformation.describe_stacks(StackName="people")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_a_stack_of_people_lives_and_dies(cloudlet):
    cloudformation, iam = cloudlet.client("cloudformation"), cloudlet.client("iam")
    more = {"StackName": "people", "TemplateBody": json.dumps(TEMPLATE), "Capabilities": ["CAPABILITY_IAM"]}
    cloudformation.create_stack(**more)
    made = outputs(cloudformation, "stack_create_complete")
    role = iam.get_role(RoleName=made["Role"])["Role"]
    assert role["Arn"] == made["Arn"] and role["Description"] == "first"
    assert len(iam.list_attached_role_policies(RoleName=made["Role"])["AttachedPolicies"]) == 2
    assert iam.list_role_policies(RoleName=made["Role"])["PolicyNames"] == ["p0", "shared"]
    me = cloudlet.client("sts", key=made["Key"], secret=made["Secret"]).get_caller_identity()
    assert me["Arn"].endswith(made["User"])
    cloudformation.update_stack(**more, Parameters=[
        {"ParameterKey": "Action", "ParameterValue": "sqs:*"},
        {"ParameterKey": "Text", "ParameterValue": "second"}])
    assert outputs(cloudformation, "stack_update_complete") == made
    assert iam.get_role(RoleName=made["Role"])["Role"]["Description"] == "second"
    policy = iam.get_role_policy(RoleName=made["Role"], PolicyName="p0")["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == ["sqs:*"]
    assert iam.get_policy(PolicyArn=made["Managed"])["Policy"]["DefaultVersionId"] == "v2"
    cloudformation.delete_stack(StackName="people")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="people",
                                                            WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert (iam.list_roles()["Roles"], iam.list_users()["Users"], iam.list_groups()["Groups"]) == ([], [], [])
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_every_type_is_there():
    assert {name.rpartition(":")[2] for name in service.resources} == {
        "Role", "User", "Group", "AccessKey", "UserToGroupAddition", "Policy", "RolePolicy", "ManagedPolicy",
        "InstanceProfile", "ServiceLinkedRole"}

"""Roles and the policies they have."""

import json

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
ALLOW_SEND = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]})


def refused(code, message=""):
    """Expect AWS's error."""
    return pytest.raises(ClientError, match=f"{code}.*{message}")


def test_a_role_lives_and_dies(cloudlet):
    iam = cloudlet.client("iam")
    made = iam.create_role(RoleName="life", AssumeRolePolicyDocument=TRUST, Path="/app/",
                           Description="of a role",
                           MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "a"}])["Role"]
    assert made["Arn"] == "arn:aws:iam::000000000000:role/app/life"
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21
    role = iam.get_role(RoleName="life")["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (role["Description"], role["MaxSessionDuration"]) == ("of a role", 7200)
    assert role["Tags"] == [{"Key": "team", "Value": "a"}]
    iam.delete_role(RoleName="life")
    with refused("NoSuchEntity", "The role with name life cannot be found."):
        iam.get_role(RoleName="life")

"""Users, groups, policies: their lives, and what IAM refuses."""

import json

import pytest
from botocore.exceptions import ClientError


def refused(code, message=""):
    return pytest.raises(ClientError, match=f"(?s){code}.*{message}")


def document(action="sqs:SendMessage", resource="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def test_a_user_lives_and_dies(cloudlet):
    iam = cloudlet.client("iam")
    user = iam.create_user(UserName="Life", Path="/team/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert user["Arn"] == "arn:aws:iam::000000000000:user/team/Life" and user["UserId"].startswith("AIDA")
    with refused("EntityAlreadyExists", "User with name life already exists."):
        iam.create_user(UserName="life")
    iam.tag_user(UserName="Life", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_user(UserName="Life", TagKeys=["a"])
    assert iam.list_user_tags(UserName="Life")["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.put_user_policy(UserName="Life", PolicyName="p", PolicyDocument=document())
    assert iam.get_user_policy(UserName="Life", PolicyName="p")["PolicyDocument"] == json.loads(document())
    with refused("DeleteConflict", "must delete policies first"):
        iam.delete_user(UserName="Life")
    iam.delete_user_policy(UserName="Life", PolicyName="p")
    iam.attach_user_policy(UserName="Life", PolicyArn=BASIC)
    with refused("DeleteConflict", "must detach all policies first"):
        iam.delete_user(UserName="Life")
    iam.detach_user_policy(UserName="Life", PolicyArn=BASIC)
    iam.delete_user(UserName="Life")
    with refused("NoSuchEntity", "The user with name Life cannot be found."):
        iam.get_user(UserName="Life")


def test_a_renamed_user_keeps_what_it_has(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="old")
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(GroupName="crew", UserName="old")
    iam.attach_user_policy(UserName="old", PolicyArn=BASIC)
    key = iam.create_access_key(UserName="old")["AccessKey"]
    iam.update_user(UserName="old", NewUserName="new", NewPath="/x/")
    assert [user["UserName"] for user in iam.get_group(GroupName="crew")["Users"]] == ["new"]
    assert [user["UserName"]
            for user in iam.list_entities_for_policy(PolicyArn=BASIC)["PolicyUsers"]] == ["new"]
    me = cloudlet.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_caller_identity()
    assert me["Arn"].endswith(":user/x/new")
    iam.update_group(GroupName="crew", NewGroupName="staff")
    assert iam.list_groups_for_user(UserName="new")["Groups"][0]["GroupName"] == "staff"
    with refused("DeleteConflict"):
        iam.delete_group(GroupName="staff")
    iam.remove_user_from_group(GroupName="staff", UserName="new")
    iam.delete_group(GroupName="staff")


def test_two_keys_are_enough(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="keys")
    made = {iam.create_access_key(UserName="keys")["AccessKey"]["AccessKeyId"] for _ in range(2)}
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"):
        iam.create_access_key(UserName="keys")
    listed = iam.list_access_keys(UserName="keys")["AccessKeyMetadata"]
    assert {key["AccessKeyId"] for key in listed} == made and listed[0]["Status"] == "Active"
    with refused("NoSuchEntity", "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."):
        iam.delete_access_key(UserName="keys", AccessKeyId="AKIAIOSFODNN7EXAMPLE")
    with refused("DeleteConflict", "must delete access keys first"):
        iam.delete_user(UserName="keys")


def test_a_managed_policy_has_five_versions(cloudlet):
    iam = cloudlet.client("iam")
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=document(),
                            Description="d")["Policy"]["Arn"]
    for n in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(f"sqs:A{n}"), SetAsDefault=n == 1)
    with refused("LimitExceeded", "A managed policy can have up to 5 versions."):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document())
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(v["VersionId"], v["IsDefaultVersion"]) for v in versions] == [
        ("v5", False), ("v4", False), ("v3", True), ("v2", False), ("v1", False)]
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v3")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v5")
    with refused("DeleteConflict", "more than one version"):
        iam.delete_policy(PolicyArn=arn)
    for version in ("v1", "v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"]["Statement"][0][
        "Action"] == "sqs:A3"
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam.get_policy(PolicyArn=arn)


def test_a_policy_in_use_stays(cloudlet):
    iam = cloudlet.client("iam")
    arn = iam.create_policy(PolicyName="used", PolicyDocument=document(), Path="/p/")["Policy"]["Arn"]
    iam.create_role(RoleName="user-of-it", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    iam.attach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (1, 1)
    attached = iam.list_attached_role_policies(RoleName="user-of-it", PathPrefix="/p/")["AttachedPolicies"]
    assert attached == [{"PolicyName": "used", "PolicyArn": arn}]
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"] == "user-of-it"
    local = iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]
    assert [policy["PolicyName"] for policy in local] == ["used"]
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)
    iam.detach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found."):
        iam.detach_role_policy(RoleName="user-of-it", PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="user-of-it")
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.attach_role_policy(RoleName="user-of-it", PolicyArn=arn)


def test_awss_own_policies_are_there(cloudlet):
    iam = cloudlet.client("iam")
    policy = iam.get_policy(PolicyArn=BASIC)["Policy"]
    assert (policy["PolicyName"], policy["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    version = iam.get_policy_version(PolicyArn=BASIC, VersionId="v1")["PolicyVersion"]
    assert "logs:PutLogEvents" in version["Document"]["Statement"][0]["Action"]
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 7})
    arns = [policy["Arn"] for page in pages for policy in page["Policies"]]
    assert len(arns) == len(set(arns)) > 40 and "arn:aws:iam::aws:policy/AdministratorAccess" in arns
    with refused("AccessDenied"):
        iam.delete_policy(PolicyArn=BASIC)


BAD = [
    ("not json", "Syntax errors in policy."), ('{"Version":"2012-10-17"}', "Syntax errors in policy."),
    ('{"Version":"2012-10-17","Statement":[]}', "Syntax errors in policy."),
    ('{"Version":"2013-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}',
     "Syntax errors"),
    ('{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}',
     "must be version 2012"),
    (document("SendMessage"), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    (document("s3:List:Bucket"), "Actions/Condition can contain only one colon."),
    (document("a a:b"), "Vendor a a is not valid"), (document([]), "Policy statement must contain actions."),
    (document(resource="bucket"), "Resource bucket must be in ARN format"),
    (document(resource=[]), "Policy statement must contain resources."),
    (document(resource="a:b:c"), 'Partition "b" is not valid for resource "arn:b:c:\\*:\\*:\\*".'),
    (document(resource="arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
    (document(resource="arn:aws:s3::bucket"), "The policy failed legacy parsing"),
    (document(resource="arn:aws:iam:::thing"), "IAM resource path must either be"),
    (document(resource="arn:aws:s3:us-east-1::bucket"), "can not contain region information"),
    (document(Principal="*"), "Policy document should not specify a principal."),
    (document(Condition={"StringSomething": {"a:b": "c"}}), "Syntax errors in policy."),
    (document(Condition={"DateGreaterThan": {"a:b": "soon"}}), "The policy failed legacy parsing"),
    (json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "x", "Effect": "Allow", "Action": "a:b", "Resource": "*"}] * 2}), "must be unique"),
    (document(Effect="allow"), "The policy failed legacy parsing"),
    (document(Other="x"), "Syntax errors in policy.")]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_malformed_policy_is_refused_in_iams_words(cloudlet, text, message):
    with refused("MalformedPolicyDocument", message):
        cloudlet.client("iam").create_policy(PolicyName="bad", PolicyDocument=text)


@pytest.mark.parametrize(("statement", "message"), [
    ({"Principal": {"Service": "lambda"}}, 'Invalid principal in policy: "SERVICE":"lambda"'),
    ({"Principal": {"AWS": "arn:aws:iam::000000000000:user/nobody-here"}}, "Invalid principal in policy"),
    ({"Principal": "*", "Action": "s3:GetObject"},
     "AssumeRole policy may only specify STS AssumeRole actions."),
    ({"Principal": "*", "Resource": "*"}, "Has prohibited field Resource"),
    ({}, "Missing required field Principal"),
    ({"Principal": "*", "Foo": 1}, "Unknown field Foo")])
def test_a_malformed_trust_policy_is_refused(cloudlet, statement, message):
    text = json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", **statement}]})
    with refused("MalformedPolicyDocument", message):
        cloudlet.client("iam").create_role(RoleName="bad", AssumeRolePolicyDocument=text)


def test_quotas_are_kept(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_role(RoleName="full", AssumeRolePolicyDocument=TRUST)
    aws = [policy["Arn"] for policy in iam.list_policies(Scope="AWS", MaxItems=11)["Policies"]]
    for arn in aws[:10]:
        iam.attach_role_policy(RoleName="full", PolicyArn=arn)
    with refused("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10"):
        iam.attach_role_policy(RoleName="full", PolicyArn=aws[10])
    long = document([f"sqs:Action{n:04}" for n in range(700)])
    with refused("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role full"):
        iam.put_role_policy(RoleName="full", PolicyName="p", PolicyDocument=long)
    with refused("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName="long", PolicyDocument=long)
    with refused("ValidationError", "The specified value for roleName is invalid."):
        iam.create_role(RoleName="a b", AssumeRolePolicyDocument=TRUST)


def test_lists_come_in_pages(cloudlet):
    iam = cloudlet.client("iam", key="111111111111")
    for n in range(7):
        iam.create_role(RoleName=f"r{n}", Path="/a/" if n % 2 else "/b/", AssumeRolePolicyDocument=TRUST)
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 3}))
    assert [[role["RoleName"] for role in page["Roles"]] for page in pages] == [
        ["r0", "r1", "r2"], ["r3", "r4", "r5"], ["r6"]]
    assert [role["RoleName"] for role in iam.list_roles(PathPrefix="/a/")["Roles"]] == ["r1", "r3", "r5"]


def test_the_account_as_a_whole(cloudlet):
    iam = cloudlet.client("iam", key="222222222222")
    iam.create_account_alias(AccountAlias="acme")
    assert iam.list_account_aliases()["AccountAliases"] == ["acme"]
    with refused("EntityAlreadyExists", "The account alias acme already exists."):
        cloudlet.client("iam", key="333333333333").create_account_alias(AccountAlias="acme")
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="i")
    iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_role(RoleName="r")
    with refused("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"):
        iam.add_role_to_instance_profile(InstanceProfileName="i", RoleName="r")
    iam.create_policy(PolicyName="p", PolicyDocument=document())
    summary = iam.get_account_summary()["SummaryMap"]
    assert [summary[name] for name in ("Users", "Groups", "Roles", "Policies", "InstanceProfiles")] == [1] * 5
    details = iam.get_account_authorization_details(Filter=["User", "Group", "Role", "LocalManagedPolicy"])
    assert details["UserDetailList"][0]["GroupList"] == ["g"]
    assert details["RoleDetailList"][0]["InstanceProfileList"][0]["InstanceProfileName"] == "i"
    assert details["Policies"][0]["PolicyVersionList"][0]["Document"] == json.loads(document())
    pages = iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2})
    found = [each for page in pages for name in ("UserDetailList", "GroupDetailList", "RoleDetailList",
                                                 "Policies")
             for each in page[name]]
    assert len(found) == len({each["Arn"] for each in found}) > 40
    iam.delete_account_alias(AccountAlias="acme")


def test_policies_can_be_tried(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="tried")
    iam.put_user_policy(UserName="tried", PolicyName="p", PolicyDocument=document(
        resource="arn:aws:sqs:*:*:orders", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    ask = {"PolicySourceArn": "arn:aws:iam::000000000000:user/tried", "ActionNames": ["sqs:SendMessage"],
           "ResourceArns": ["arn:aws:sqs:us-east-1:000000000000:orders",
                            "arn:aws:sqs:us-east-1:000000000000:x"]}
    context = [{"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["10.1.1.1"]}]
    results = iam.simulate_principal_policy(**ask, ContextEntries=context)["EvaluationResults"]
    assert [result["EvalDecision"] for result in results] == ["allowed", "implicitDeny"]
    results = iam.simulate_principal_policy(**ask)["EvaluationResults"]
    assert results[0]["MissingContextValues"] == ["aws:SourceIp"]
    custom = iam.simulate_custom_policy(PolicyInputList=[document("*"), json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}})],
        ActionNames=["s3:GetObject", "sqs:X"])["EvaluationResults"]
    assert [result["EvalDecision"] for result in custom] == ["explicitDeny", "allowed"]
    assert custom[0]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.2"
    text = document(resource="arn:aws:s3:::${aws:username}")
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[text])
    assert keys["ContextKeyNames"] == ["aws:username"]
    granting = iam.list_policies_granting_service_access(Arn=ask["PolicySourceArn"],
                                                         ServiceNamespaces=["sqs", "s3"])
    assert [len(each["Policies"]) for each in granting["PoliciesGrantingServiceAccess"]] == [1, 0]


def test_a_service_linked_role_belongs_to_its_service(cloudlet):
    iam = cloudlet.client("iam")
    role = iam.create_service_linked_role(AWSServiceName="elasticache.amazonaws.com")["Role"]
    assert role["Path"] == "/aws-service-role/elasticache.amazonaws.com/"
    assert role["RoleName"] == "AWSServiceRoleForElastiCache"
    with refused("UnmodifiableEntity"):
        iam.delete_role(RoleName=role["RoleName"])
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_a_user_asks_about_itself(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="self")
    iam.put_user_policy(UserName="self", PolicyName="p", PolicyDocument=document("iam:*"))
    key = iam.create_access_key(UserName="self")["AccessKey"]
    mine = cloudlet.client("iam", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert mine.get_user()["User"]["UserName"] == "self"
    assert mine.list_access_keys()["AccessKeyMetadata"][0]["AccessKeyId"] == key["AccessKeyId"]
    with refused("ValidationError", "Must specify userName when calling with non-User credentials"):
        iam.list_access_keys()

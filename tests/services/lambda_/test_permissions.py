"""Resource-based policies: what they say, and that they are applied."""

import json
from functools import partial

import pytest
from botocore.exceptions import ClientError

from .conftest import PYTHON, ROLE, zipped
from .visiting import visit

SAY = "def handler(event, context): return 'ran'"


@pytest.fixture
def function(deploy):
    return deploy(SAY)


def refused(call, *args, **params):
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def allow(function, principal, id="one", action="lambda:InvokeFunction", **members):
    answer = function.client.add_permission(FunctionName=function.name, StatementId=id, Action=action,
                                            Principal=principal, **members)
    return json.loads(answer["Statement"])


def arn(name, *rest):
    return ":".join(("arn:aws:lambda:us-east-1:000000000000:function", name, *rest))


# -- what a policy says


def test_a_statement_has_every_condition_that_was_asked_for(function):
    statement = allow(function, "*", action="lambda:InvokeFunctionUrl", SourceArn="arn:aws:s3:::bucket",
                      SourceAccount="000000000000", PrincipalOrgID="o-1234567890", FunctionUrlAuthType="NONE",
                      EventSourceToken="token")
    assert statement == {
        "Sid": "one", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
        "Resource": arn(function.name), "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000", "lambda:EventSourceToken": "token",
                             "lambda:FunctionUrlAuthType": "NONE", "aws:PrincipalOrgID": "o-1234567890"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}
    via = allow(function, "*", "two", InvokedViaFunctionUrl=True)
    assert via["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    kept = json.loads(function.client.get_policy(FunctionName=function.name)["Policy"])
    assert (kept["Version"], kept["Id"], [each["Sid"] for each in kept["Statement"]]) == (
        "2012-10-17", "default", ["one", "two"])


def test_principals_are_services_accounts_users_and_everyone(function):
    assert allow(function, "222222222222", "a")["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}
    user = "arn:aws:iam::222222222222:user/ann"
    assert allow(function, user, "b")["Principal"] == {"AWS": user}
    assert allow(function, "events.amazonaws.com", "c")["Principal"] == {"Service": "events.amazonaws.com"}
    for wrong in ("invalid.nonaws.com", "22222", "arn:aws:s3:::bucket"):
        assert refused(allow, function, wrong, "d") == (
            "InvalidParameterValueException",
            "The provided principal was invalid. Please check the principal and try again.")


def test_what_cannot_be_is_refused_in_awss_words(function):
    add = partial(function.client.add_permission, StatementId="s", Action="lambda:InvokeFunction",
                  Principal="s3.amazonaws.com")
    name = function.name
    assert refused(add, FunctionName=f"{name}:$LATEST", Qualifier="$LATEST") == (
        "InvalidParameterValueException", "We currently do not support adding policies for $LATEST.")
    assert refused(add, FunctionName=name, FunctionUrlAuthType="NONE") == (
        "InvalidParameterValueException",
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    for qualifier, message in (("gone", f"Cannot find alias arn: {arn(name, 'gone')}"),
                               ("42", f"Function not found: {arn(name, '42')}"),
                               ("with-$", f"Function not found: {arn(name, 'with-$')}")):
        assert refused(add, FunctionName=name, Qualifier=qualifier) == ("ResourceNotFoundException", message)
    assert refused(add, FunctionName="nowhere")[1] == f"Function not found: {arn('nowhere')}"
    add(FunctionName=name)
    assert refused(add, FunctionName=name)[0] == "ResourceConflictException"


def test_statements_are_taken_back_one_by_one(function):
    client, where = function.client, {"FunctionName": function.name}
    assert refused(client.remove_permission, StatementId="one", **where)[1] == (
        "No policy is associated with the given resource.")
    assert refused(client.remove_permission, FunctionName="nowhere", StatementId="one")[1] == (
        f"No policy found for: {arn('nowhere')}")
    allow(function, "s3.amazonaws.com")
    assert refused(client.remove_permission, StatementId="two", **where)[1] == (
        "Statement two is not found in resource policy.")
    client.remove_permission(StatementId="one", **where)
    assert refused(client.get_policy, **where)[1] == "The resource you requested does not exist."


def test_a_revision_holds_a_change_to_what_was_read(function):
    client, where = function.client, {"FunctionName": function.name}
    stale = ("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "
             "Call the GetPolicy API to retrieve the latest Revision Id")
    assert refused(allow, function, "s3.amazonaws.com", RevisionId="wrong") == stale
    allow(function, "s3.amazonaws.com", RevisionId=client.get_function_configuration(**where)["RevisionId"])
    read = client.get_policy(**where)["RevisionId"]
    allow(function, "sns.amazonaws.com", "two", RevisionId=read)
    assert refused(client.remove_permission, StatementId="one", RevisionId=read, **where) == stale


def test_a_whole_policy_can_be_put_read_and_deleted(function):
    client, where = function.client, {"ResourceArn": arn(function.name)}
    assert refused(client.get_resource_policy, **where)[0] == "ResourceNotFoundException"
    allow(function, "s3.amazonaws.com", "old")
    document = {"Version": "2012-10-17", "Id": "mine", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "lambda:*", "Resource": arn(function.name),
         "Condition": {"StringEquals": {"aws:PrincipalAccount": "333333333333"}}},
        {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "lambda:*",
         "Resource": arn(function.name)}]}
    put = client.put_resource_policy(Policy=json.dumps(document), **where)
    assert json.loads(put["Policy"]) == document
    allow(function, "s3.amazonaws.com", "new")
    read = client.get_resource_policy(**where)
    assert [each.get("Sid") for each in json.loads(read["Policy"])["Statement"]] == [None, "all", "new"]
    assert refused(client.put_resource_policy, Policy=put["Policy"], RevisionId=put["RevisionId"],
                   **where)[0] == "PreconditionFailedException"
    client.delete_resource_policy(RevisionId=read["RevisionId"], **where)
    assert refused(client.get_policy, FunctionName=function.name)[0] == "ResourceNotFoundException"


def test_a_policy_that_is_none_or_about_something_else_is_refused(function):
    put = partial(function.client.put_resource_policy, ResourceArn=arn(function.name))
    assert refused(put, Policy="{}")[0] == "InvalidParameterValueException"
    about = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "lambda:*",
                                                    "Resource": arn("another")}}
    assert refused(put, Policy=json.dumps(about))[0] == "InvalidParameterValueException"
    runtime = "arn:aws:lambda:us-east-1:000000000000:runtime/x"
    assert refused(function.client.get_resource_policy, ResourceArn=runtime)[0] == "NotHonoured"


# -- that it is applied


@pytest.fixture
def stranger(cloudlet):
    """A client of another account."""
    return cloudlet.client("lambda", key="222222222222")


def test_another_account_invokes_only_what_lets_it(function, stranger):
    there = arn(function.name)
    code, message = refused(stranger.invoke, FunctionName=there)
    assert (code, message) == (
        "AccessDeniedException",
        "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:InvokeFunction on "
        f"resource: {there} because no resource-based policy allows the lambda:InvokeFunction action")
    for kind in ("Event", "DryRun"):
        assert refused(stranger.invoke, FunctionName=there, InvocationType=kind)[0] == "AccessDeniedException"
    assert refused(stranger.invoke_async, FunctionName=there, InvokeArgs=b"1")[0] == "AccessDeniedException"
    assert refused(stranger.invoke_with_response_stream, FunctionName=there)[0] == "AccessDeniedException"
    allow(function, "222222222222")
    assert json.load(stranger.invoke(FunctionName=there)["Payload"]) == "ran"


def test_a_user_of_another_account_needs_a_policy_of_its_own_as_well(function, cloudlet):
    iam = cloudlet.client("iam", key="222222222222")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = cloudlet.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    allow(function, "222222222222")
    message = refused(ann.invoke, FunctionName=arn(function.name))[1]
    assert "because no identity-based policy allows" in message
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}))
    assert ann.invoke(FunctionName=arn(function.name))["StatusCode"] == 200


def test_a_policy_is_of_one_qualifier(function, stranger):
    client, where = function.client, {"FunctionName": function.name}
    version = client.publish_version(**where)["Version"]
    client.create_alias(Name="live", FunctionVersion=version, **where)
    allow(function, "222222222222", Qualifier="live")
    assert stranger.invoke(FunctionName=arn(function.name, "live"))["StatusCode"] == 200
    for other in (arn(function.name), arn(function.name, version)):
        assert refused(stranger.invoke, FunctionName=other)[0] == "AccessDeniedException"
    allow(function, "222222222222")
    assert stranger.invoke(FunctionName=arn(function.name, "$LATEST"))["StatusCode"] == 200
    client.delete_alias(Name="live", **where)
    client.create_alias(Name="live", FunctionVersion=version, **where)
    assert refused(stranger.invoke, FunctionName=arn(function.name, "live"))[0] == "AccessDeniedException"


def test_a_denial_of_the_policy_is_final(function, stranger):
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": arn(function.name)},
        {"Effect": "Deny", "Principal": {"AWS": "222222222222"}, "Action": "lambda:InvokeFunction",
         "Resource": arn(function.name)}]}
    function.client.put_resource_policy(ResourceArn=arn(function.name), Policy=json.dumps(document))
    assert refused(stranger.invoke, FunctionName=arn(function.name))[1].endswith(
        "with an explicit deny in a resource-based policy")


def test_an_organisation_does_not_exist_here_and_so_lets_nobody_in(function, stranger):
    allow(function, "*", PrincipalOrgID="o-1234567890")
    assert refused(stranger.invoke, FunctionName=arn(function.name))[0] == "AccessDeniedException"


@pytest.fixture
def bucket(cloudlet, request):
    """A bucket that tells a function of its objects, whether that may be told or not."""
    s3, name = cloudlet.client("s3"), request.node.name.replace("_", "-")[:60].strip("-")
    s3.create_bucket(Bucket=name)

    def tell(function):
        s3.put_bucket_notification_configuration(
            Bucket=name, SkipDestinationValidation=True, NotificationConfiguration={
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn(function.name),
                                                  "Events": ["s3:ObjectCreated:*"]}]})
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    return name, tell


def test_a_refused_delivery_says_what_it_lacks_and_is_made_once_that_is_there(
        deploy, cloudlet, bucket, eventually, caplog):
    queue = cloudlet.client("sqs").create_queue(QueueName="told-by-function")["QueueUrl"]
    function = deploy(f"""
import boto3
def handler(event, context):
    name = event["Records"][0]["s3"]["bucket"]["name"]
    boto3.client("sqs").send_message(QueueUrl="{queue}", MessageBody=name)
""", Timeout=20, MemorySize=256)
    name, tell = bucket
    allow(function, "s3.amazonaws.com", SourceArn="arn:aws:s3:::another")
    tell(function)
    said = [record.getMessage() for record in caplog.records if "may not invoke" in record.getMessage()]
    assert f"s3.amazonaws.com may not invoke {arn(function.name)} on behalf of arn:aws:s3:::{name}" in said[0]
    assert "the conditions of 'one' in its policy do not hold" in said[0]
    allow(function, "s3.amazonaws.com", "two", SourceArn=f"arn:aws:s3:::{name}", SourceAccount="000000000000")
    cloudlet.advance(60)
    receive = partial(cloudlet.client("sqs").receive_message, QueueUrl=queue)
    assert eventually(lambda: receive().get("Messages"))[0]["Body"] == name


def test_an_api_invokes_only_what_lets_its_route(function, cloudlet):
    api = cloudlet.client("apigatewayv2")
    made = api.create_api(Name="x", ProtocolType="HTTP", RouteKey="GET /things/{id}",
                          Target=arn(function.name))
    source = f"arn:aws:execute-api:us-east-1:000000000000:{made['ApiId']}"
    ask = partial(visit, made["ApiEndpoint"] + "/things/7")
    assert (ask().status, ask().json) == (500, {"message": "Internal Server Error"})
    for n, wrong in enumerate((f"{source}/*/POST/*", f"{source[:-1]}x/*", f"{source}/*/*/others")):
        allow(function, "apigateway.amazonaws.com", f"wrong-{n}", SourceArn=wrong)
    assert ask().status == 500
    allow(function, "apigateway.amazonaws.com", "sam", SourceArn=f"{source}/*/GET/things/*")
    assert (ask().status, ask().body) == (200, b"ran")


# -- layers


def test_another_account_uses_a_layer_only_if_that_lets_it(deploy, cloudlet, stranger):
    mine = cloudlet.client("lambda")
    layer = mine.publish_layer_version(
        LayerName="shared", Content={"ZipFile": zipped(**{"python/shared_py": "word = 'from a layer'"})})
    where = {"LayerName": "shared", "VersionNumber": layer["Version"]}
    create = partial(
        stranger.create_function, Role=ROLE, Runtime=PYTHON, Handler="app.handler",
        Code={"ZipFile": zipped(app_py="import shared\ndef handler(e, c): return shared.word")},
        Layers=[layer["LayerVersionArn"]])
    code, message = refused(create, FunctionName="borrower")
    assert code == "AccessDeniedException"
    assert message.startswith("User: arn:aws:iam::222222222222:root is not authorized to perform: "
                              "lambda:GetLayerVersion on resource: " + layer["LayerVersionArn"])
    assert refused(stranger.get_layer_version_by_arn, Arn=layer["LayerVersionArn"])[0] == code
    added = mine.add_layer_version_permission(
        StatementId="one", Action="lambda:GetLayerVersion", Principal="222222222222", **where)
    assert json.loads(added["Statement"])["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}
    assert stranger.get_layer_version_by_arn(Arn=layer["LayerVersionArn"])["Version"] == 1
    create(FunctionName="borrower")
    mine.remove_layer_version_permission(StatementId="one", **where)
    assert json.load(stranger.invoke(FunctionName="borrower")["Payload"]) == "from a layer"
    assert refused(create, FunctionName="late")[0] == code
    for change in (stranger.delete_layer_version, stranger.get_layer_version_policy):
        assert refused(change, LayerName=layer["LayerArn"], VersionNumber=1)[0] == code


def test_a_layers_policy_is_kept_with_revisions(cloudlet):
    client = cloudlet.client("lambda")
    client.publish_layer_version(LayerName="kept", Content={"ZipFile": zipped(a_py="")})
    where = {"LayerName": "kept", "VersionNumber": 1}
    add = partial(client.add_layer_version_permission, Action="lambda:GetLayerVersion", Principal="*",
                  **where)
    assert refused(client.get_layer_version_policy, **where)[1] == (
        "No policy is associated with the given resource.")
    first = add(StatementId="a", OrganizationId="o-1234567890")
    assert json.loads(first["Statement"])["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert refused(add, StatementId="b", RevisionId="wrong")[1].endswith(
        "Call the GetLayerPolicy API to retrieve the latest Revision Id")
    assert refused(add, StatementId="a")[0] == "ResourceConflictException"
    add(StatementId="b", RevisionId=first["RevisionId"])
    policy = json.loads(client.get_layer_version_policy(**where)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["a", "b"]
    assert refused(client.remove_layer_version_permission, StatementId="c", **where)[1] == (
        "Statement c is not found in resource policy.")
    assert refused(client.get_layer_version_policy, LayerName="kept", VersionNumber=2)[1] == (
        "Layer version arn:aws:lambda:us-east-1:000000000000:layer:kept:2 does not exist.")

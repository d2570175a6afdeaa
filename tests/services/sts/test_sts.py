"""Short-lived credentials, and keys that must sign rightly."""

import asyncio
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from cloudlet.errors import AwsError
from cloudlet.identity import service_principal


def refused(code, message=""):
    return pytest.raises(ClientError, match=f"(?s){code}.*{message}")


def trust(**principal):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession"]}]})


def role(cloudlet, name, document, **more):
    iam = cloudlet.client("iam")
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]


def session(cloudlet, credentials, service):
    return cloudlet.client(service, key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"],
                           token=credentials["SessionToken"])


def test_a_strangers_key_stands_for_its_account(cloudlet):
    who = cloudlet.client("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("000000000000", "arn:aws:iam::000000000000:root")
    assert cloudlet.client("sts", key="123456789012").get_caller_identity()["Account"] == "123456789012"


def test_a_users_key_must_sign_rightly(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20
    mine = cloudlet.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert mine.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/ann"
    wrong = cloudlet.client("sts", key=key["AccessKeyId"], secret="wrong")
    with refused("SignatureDoesNotMatch"):
        wrong.get_caller_identity()
    with refused("InvalidSignatureException"):
        cloudlet.client("dynamodb", key=key["AccessKeyId"], secret="wrong").list_tables()
    last = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert last["ServiceName"] == "sts"
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId", "The security token included in the request is invalid."):
        mine.get_caller_identity()
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Active")
    mine.get_caller_identity()
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    with refused("InvalidClientTokenId"):
        mine.get_caller_identity()


def test_a_role_is_assumed_by_whom_it_trusts(cloudlet):
    arn = role(cloudlet, "open", trust(AWS="000000000000"))
    answer = cloudlet.client("sts").assume_role(RoleArn=arn, RoleSessionName="me", DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/open/me"
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    who = session(cloudlet, credentials, "sts").get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    without = cloudlet.client("sts", key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"])
    with refused("InvalidClientTokenId"):
        without.get_caller_identity()


def test_a_role_is_not_assumed_by_others(cloudlet):
    arn = role(cloudlet, "services-only", trust(Service="lambda.amazonaws.com"))
    sts = cloudlet.client("sts")
    with refused("AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: " + arn):
        sts.assume_role(RoleArn=arn, RoleSessionName="me")
    with refused("AccessDenied", "sts:AssumeRole"):
        sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/nobody", RoleSessionName="me")
    with refused("ValidationError", "is invalid"):
        sts.assume_role(RoleArn="arn:aws:iam::000000000000:user/ann", RoleSessionName="me")


def test_an_external_id_is_asked_for(cloudlet):
    document = json.loads(trust(AWS="*"))
    document["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "secret-7"}}
    arn = role(cloudlet, "external", json.dumps(document))
    sts = cloudlet.client("sts")
    with refused("AccessDenied"):
        sts.assume_role(RoleArn=arn, RoleSessionName="me")
    sts.assume_role(RoleArn=arn, RoleSessionName="me", ExternalId="secret-7")


@pytest.mark.parametrize(("condition", "may"), [
    ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ({"StringLike": {"aws:UserAgent": "Boto3/*"}}, True),
    ({"StringLike": {"aws:UserAgent": "curl/*"}}, False)])
def test_a_role_may_ask_where_a_request_comes_from(cloudlet, condition, may):
    document = json.loads(trust(AWS="*"))
    document["Statement"][0]["Condition"] = condition
    arn = role(cloudlet, f"from-{abs(hash(str(condition)))}", json.dumps(document))
    sts = cloudlet.client("sts")
    if may:
        sts.assume_role(RoleArn=arn, RoleSessionName="me")
    else:
        with refused("AccessDenied"):
            sts.assume_role(RoleArn=arn, RoleSessionName="me")


def test_a_session_lasts_as_long_as_its_role_allows(cloudlet):
    arn = role(cloudlet, "short", trust(AWS="000000000000"))
    with refused("ValidationError", "exceeds the MaxSessionDuration set for this role"):
        cloudlet.client("sts").assume_role(RoleArn=arn, RoleSessionName="me", DurationSeconds=7200)


def test_a_role_assumed_from_a_role_lasts_an_hour(cloudlet):
    iam = cloudlet.client("iam")
    first = role(cloudlet, "first", trust(AWS="000000000000"))
    second = role(cloudlet, "second", trust(AWS=first), MaxSessionDuration=43200)
    answer = cloudlet.client("sts").assume_role(RoleArn=first, RoleSessionName="one")
    sts = session(cloudlet, answer["Credentials"], "sts")
    iam.put_role_policy(RoleName="first", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}))
    with refused("ValidationError", "1 hour session limit"):
        sts.assume_role(RoleArn=second, RoleSessionName="two", DurationSeconds=7200)
    assert sts.assume_role(RoleArn=second,
                           RoleSessionName="two")["AssumedRoleUser"]["Arn"].endswith("/second/two")


def test_a_session_ends_on_the_cloudlets_clock(fresh):
    cloudlet = fresh()
    arn = role(cloudlet, "timed", trust(AWS="000000000000"))
    credentials = cloudlet.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    sts = session(cloudlet, credentials, "sts")
    sts.get_caller_identity()
    cloudlet.advance(3601)
    with refused("ExpiredToken", "The security token included in the request is expired"):
        sts.get_caller_identity()


def test_tags_of_a_session_are_asked_for(cloudlet):
    arn = role(cloudlet, "untagged", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
    with refused("AccessDenied", "sts:TagSession"):
        cloudlet.client("sts").assume_role(RoleArn=arn, RoleSessionName="me",
                                           Tags=[{"Key": "a", "Value": "b"}])


def test_an_account_policy_delegates_to_the_users_own(cloudlet):
    iam = cloudlet.client("iam")
    arn = role(cloudlet, "delegated", trust(AWS="arn:aws:iam::000000000000:root"))
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    sts = cloudlet.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    with refused("AccessDenied", "user/bob is not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=arn, RoleSessionName="me")
    iam.put_user_policy(UserName="bob", PolicyName="may", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
                                               "Resource": arn}}))
    sts.assume_role(RoleArn=arn, RoleSessionName="me")


def test_tokens_of_ones_own(cloudlet):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="cat")
    key = iam.create_access_key(UserName="cat")["AccessKey"]
    sts = cloudlet.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    mine = session(cloudlet, sts.get_session_token()["Credentials"], "sts")
    assert mine.get_caller_identity()["Arn"].endswith(":user/cat")
    with refused("AccessDenied", "Cannot call GetSessionToken with session credentials"):
        mine.get_session_token()
    answer = sts.get_federation_token(Name="guest", DurationSeconds=900)
    guest = session(cloudlet, answer["Credentials"], "sts").get_caller_identity()
    assert guest["Arn"] == answer["FederatedUser"]["Arn"] == "arn:aws:sts::000000000000:federated-user/guest"


def test_a_key_tells_its_account(cloudlet):
    iam = cloudlet.client("iam", key="123456789012")
    iam.create_user(UserName="dan")
    key = iam.create_access_key(UserName="dan")["AccessKey"]["AccessKeyId"]
    sts = cloudlet.client("sts")
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == "123456789012"
    assert sts.get_access_key_info(AccessKeyId="ASIAQAAAAAAAAAAAAAAA")["Account"] == "000000000000"


def test_what_is_not_served_is_refused_by_name(cloudlet):
    with refused("NotHonoured", "AssumeRoleWithWebIdentity"):
        cloudlet.client("sts").assume_role_with_web_identity(
            RoleArn="arn:aws:iam::000000000000:role/x", RoleSessionName="me", WebIdentityToken="abcd")
    with refused("InvalidAuthorizationMessage"):
        cloudlet.client("sts").decode_authorization_message(EncodedMessage="abc")


def test_boto3_assumes_a_role_on_its_own(cloudlet, tmp_path, monkeypatch):
    arn = role(cloudlet, "profile", trust(AWS="000000000000"))
    config = tmp_path / "config"
    config.write_text(f"[profile p]\nrole_arn={arn}\nsource_profile=s\nregion=us-east-1\n"
                      f"endpoint_url={cloudlet.url}\n[profile s]\naws_access_key_id=test\n"
                      "aws_secret_access_key=test\nregion=us-east-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloudlet.url)
    who = boto3.Session(profile_name="p").client("sts").get_caller_identity()
    assert ":assumed-role/profile/" in who["Arn"]


def within(cloudlet, principal, operation, **params):
    """Invoke as the kernel does for one of the cloud's own services."""
    kernel = cloudlet.cloudlet.kernel
    work = kernel.invoke(principal, "sts", operation, params, account=principal.account)
    return asyncio.run_coroutine_threadsafe(work, cloudlet._loop).result(10)


def test_a_service_takes_a_role_without_a_network_hop(cloudlet):
    arn = role(cloudlet, "function", trust(Service="lambda.amazonaws.com"))
    ask = {"RoleArn": arn, "RoleSessionName": "my-function"}
    answer = within(cloudlet, service_principal("lambda", "000000000000"), "AssumeRole", **ask)
    who = session(cloudlet, answer["Credentials"], "sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::000000000000:assumed-role/function/my-function"
    with pytest.raises(AwsError,
                       match=r"User: s3.amazonaws.com is not authorized to perform: sts:AssumeRole"):
        within(cloudlet, service_principal("s3", "000000000000"), "AssumeRole", **ask)
    made = cloudlet.client("iam").get_role(RoleName="function")["Role"]
    assert made["RoleLastUsed"]["Region"] == "us-east-1"


def test_a_session_policy_must_be_one(cloudlet):
    arn = role(cloudlet, "limited", trust(AWS="000000000000"))
    sts = cloudlet.client("sts")
    with refused("MalformedPolicyDocument"):
        sts.assume_role(RoleArn=arn, RoleSessionName="me", Policy="{}")
    with refused("MalformedPolicyDocument", "does not exist"):
        sts.assume_role(RoleArn=arn, RoleSessionName="me",
                        PolicyArns=[{"arn": "arn:aws:iam::aws:policy/Nothing"}])
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}'
    assert sts.assume_role(RoleArn=arn, RoleSessionName="me", Policy=policy)["PackedPolicySize"] == 3

"""A cloudlet that believes only keys that were made here, in every protocol and at every door."""

import io
import json
import sys
import urllib.error
import urllib.request
import uuid
import zipfile

import pytest
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

OPTIONS = {"credentials": "known", "mqtt": 0}
FORM = {"content_type": "application/x-www-form-urlencoded"}
ASKED = [  # service, operation, parameters, whose words: one of each protocol
    ("sqs", "list_queues", {}, "UnrecognizedClientException"),
    ("dynamodb", "list_tables", {}, "UnrecognizedClientException"),
    ("lambda", "list_functions", {}, "UnrecognizedClientException"),
    ("iot-data", "publish", {"topic": "t"}, "UnrecognizedClientException"),
    ("iam", "list_users", {}, "InvalidClientTokenId"),
    ("sns", "list_topics", {}, "InvalidClientTokenId"),
    ("sts", "get_caller_identity", {}, "InvalidClientTokenId"),
    ("s3", "list_buckets", {}, "InvalidAccessKeyId")]

_SSE = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
MUST = {  # what operations of S3 must be given
    "Bucket": "private", "Key": "k", "CopySource": "private/k", "PartNumber": 1, "Policy": "{}",
    "Delete": {"Objects": [{"Key": "k"}]}, "Tagging": {"TagSet": []}, "ObjectAttributes": ["ETag"],
    "Expression": "SELECT * FROM S3Object", "ExpressionType": "SQL", "InputSerialization": {"CSV": {}},
    "OutputSerialization": {"CSV": {}}, "BucketLoggingStatus": {}, "NotificationConfiguration": {},
    "CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    "ServerSideEncryptionConfiguration": {"Rules": [_SSE]}, "WebsiteConfiguration": {},
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}, "VersioningConfiguration": {},
    "PublicAccessBlockConfiguration": {}, "RequestPaymentConfiguration": {"Payer": "BucketOwner"},
    "ReplicationConfiguration": {"Role": "r", "Rules": [{"Status": "Enabled", "Destination": {
        "Bucket": "arn:aws:s3:::private"}}]}}


def root_of(cloudlet, account="000000000000", renew=False):
    found = cloudlet.control(f"credentials?account={account}", {} if renew else None)
    assert (found["believed"], found["account"]) == ("known", account)
    return {"key": found["accessKeyId"], "secret": found["secretAccessKey"]}


@pytest.fixture
def root(cloudlet):
    return root_of(cloudlet)


def fetch(url, data=None, method=None, **headers):
    request = urllib.request.Request(
        url, data, {name.replace("_", "-"): text for name, text in headers.items()}, method=method
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def code_of(act, **params):
    with pytest.raises(ClientError) as caught:
        act(**params)
    return caught.value.response["Error"]["Code"]


@pytest.mark.parametrize(("service", "operation", "params", "code"), ASKED)
@pytest.mark.parametrize("key", ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE"])
def test_a_key_that_nobody_made_is_refused_in_each_services_words(
    cloudlet, service, operation, params, code, key
):
    assert code_of(getattr(cloudlet.client(service, key=key), operation), **params) == code


def test_what_was_signed_too_long_ago_is_that_before_its_key_is_asked_for(cloudlet):
    signed = {"x_amz_date": "20200101T000000Z", "x_amz_target": "DynamoDB_20120810.ListTables",
              "content_type": "application/x-amz-json-1.0",
              "authorization": "AWS4-HMAC-SHA256 Credential=none/20200101/us-east-1/dynamodb/aws4_request, "
                               "SignedHeaders=host;x-amz-date, Signature=00"}
    status, answer = fetch(cloudlet.url, b"{}", **signed)
    assert status == 403
    assert b"InvalidSignatureException" in answer and b"Signature expired" in answer


@pytest.mark.parametrize(("service", "operation", "params", "code"), ASKED)
def test_the_root_key_is_the_account_itself(cloudlet, root, service, operation, params, code):
    getattr(cloudlet.client(service, **root), operation)(**params)
    wrong = cloudlet.client(service, key=root["key"], secret="wrong")
    assert code_of(getattr(wrong, operation), **params) in (
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
    )


def test_the_root_key_is_one_for_each_account(cloudlet, root):
    other = root_of(cloudlet, "000000000009")
    assert root_of(cloudlet) == root != other
    for account, key in (("000000000000", root), ("000000000009", other)):
        who = cloudlet.client("sts", **key).get_caller_identity()
        assert who["Arn"] == f"arn:aws:iam::{account}:root"
    status, answer = fetch(
        f"{cloudlet.url}/_cloudlet/credentials?account=me", x_cloudlet_token=cloudlet.cloudlet.token
    )
    assert status == 400 and b"an account has 12 digits" in answer


def test_who_has_not_the_token_learns_no_key(cloudlet):
    assert fetch(f"{cloudlet.url}/_cloudlet/credentials")[0] == 403
    assert fetch(f"{cloudlet.url}/_cloudlet/credentials", b"{}")[0] == 403


def test_a_renewed_root_key_ends_the_one_before(cloudlet):
    before = root_of(cloudlet, "000000000008")
    after = root_of(cloudlet, "000000000008", renew=True)
    assert root_of(cloudlet, "000000000008") == after != before
    cloudlet.client("sqs", **after).list_queues()
    assert code_of(cloudlet.client("sqs", **before).list_queues) == "UnrecognizedClientException"


def test_keys_of_users_and_sessions_are_known(cloudlet, root):
    iam = cloudlet.client("iam", **root)
    iam.create_user(UserName="known")
    made = iam.create_access_key(UserName="known")["AccessKey"]
    user = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    lent = cloudlet.client("sts", **user).get_session_token()["Credentials"]
    session = {"key": lent["AccessKeyId"], "secret": lent["SecretAccessKey"], "token": lent["SessionToken"]}
    for key in (user, session):
        assert cloudlet.client("sts", **key).get_caller_identity()["Arn"].endswith(":user/known")
    iam.update_access_key(UserName="known", AccessKeyId=user["key"], Status="Inactive")
    assert code_of(cloudlet.client("sqs", **user).list_queues) == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("path", "data", "headers", "status", "code"),
    [
        (
            "/",
            b"{}",
            {"x_amz_target": "AmazonSQS.ListQueues", "content_type": "application/x-amz-json-1.0"},
            403,
            b"MissingAuthenticationTokenException",
        ),
        (
            "/",
            b"{}",
            {"x_amz_target": "DynamoDB_20120810.ListTables", "content_type": "application/x-amz-json-1.0"},
            403,
            b"MissingAuthenticationTokenException",
        ),
        ("/", b"Action=ListUsers&Version=2010-05-08", FORM, 403, b"MissingAuthenticationToken<"),
        ("/", b"Action=ListTopics&Version=2010-03-31", FORM, 403, b"MissingAuthenticationToken<"),
        ("/", b"Action=GetCallerIdentity&Version=2011-06-15", FORM, 403, b"MissingAuthenticationToken<"),
        (
            "/",
            b"Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=ASIAQAAAAAAAAAAAAAAA",
            FORM,
            403,
            b"MissingAuthenticationToken<",
        ),
        (
            "/2015-03-31/functions",
            None,
            {"host": "lambda.us-east-1.localhost"},
            403,
            b"Missing Authentication Token",
        ),
        ("/", None, {}, 403, b"AccessDenied"),
    ],
)
def test_what_nobody_signed_is_refused(cloudlet, path, data, headers, status, code):
    found, answer = fetch(cloudlet.url + path, data, **headers)
    assert found == status and code in answer


def test_nobody_may_do_in_s3_what_no_bucket_lets_him(cloudlet, root):
    """Every operation, on a bucket that is private or on none, with what it must be given."""
    s3, nobody = cloudlet.client("s3", **root), cloudlet.client("s3", config=Config(
        signature_version=UNSIGNED, parameter_validation=False))
    s3.create_bucket(Bucket="private", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="private", Key="k", Body=b"x")
    given = MUST | {"UploadId": s3.create_multipart_upload(Bucket="private", Key="k")["UploadId"]}
    let_in = []
    for name, operation in cloudlet.cloudlet.kernel.services["s3"].operations.items():
        shape = operation.spec.input.shape if operation.spec.input else None
        wanted = {member: given[member] for member in (shape.required if shape else ())}
        try:
            answer = getattr(nobody, xform_name(name))(**wanted)
            if [one["Code"] for one in answer.get("Errors", ())] != ["AccessDenied"]:  # of DeleteObjects
                let_in.append(name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("AccessDenied", "403"):
                let_in.append((name, code))
    assert let_in == []
    assert s3.list_objects_v2(Bucket="private")["KeyCount"] == 1


def test_anyone_may_fetch_what_a_bucket_shows_to_anyone(cloudlet, root):
    s3 = cloudlet.client("s3", **root)
    s3.create_bucket(Bucket="shown")
    s3.put_object(Bucket="shown", Key="k", Body=b"hello")
    assert fetch(f"{cloudlet.url}/shown/k")[0] == 403
    s3.put_bucket_policy(Bucket="shown", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shown/*"}]}))
    assert fetch(f"{cloudlet.url}/shown/k") == (200, b"hello")
    stranger = cloudlet.client("s3", key="test")
    assert code_of(stranger.get_object, Bucket="shown", Key="k") == "InvalidAccessKeyId"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_presigned_url_is_of_a_known_key(cloudlet, root, version):
    config = Config(signature_version=version)
    s3 = cloudlet.client("s3", **root, config=config)
    s3.create_bucket(Bucket="lent")
    s3.put_object(Bucket="lent", Key="k", Body=b"hello")
    wish = ("get_object", {"Bucket": "lent", "Key": "k"})
    assert fetch(s3.generate_presigned_url(*wish)) == (200, b"hello")
    status, answer = fetch(cloudlet.client("s3", config=config).generate_presigned_url(*wish))
    assert status == 403 and b"InvalidAccessKeyId" in answer


def test_a_form_is_signed_with_a_known_key(cloudlet, root):
    cloudlet.client("s3", **root).create_bucket(Bucket="forms")

    def post(key, **more):
        signed = cloudlet.client("s3", **key).generate_presigned_post("forms", "k")
        lines = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in (signed["fields"] | more).items()]
        body = "".join(lines) + '--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--B--\r\n'
        return fetch(signed["url"], body.encode(), content_type="multipart/form-data; boundary=B")

    assert post(root)[0] == 204
    for key in ({"key": "test"}, {"key": "000000000000"}):
        status, answer = post(key)
        assert status == 403 and b"InvalidAccessKeyId" in answer
    lent = cloudlet.client("sts", **root).get_session_token()["Credentials"]
    session = {"key": lent["AccessKeyId"], "secret": lent["SecretAccessKey"], "token": lent["SessionToken"]}
    assert post(session)[0] == 204
    assert post(session, **{"x-amz-security-token": "other"})[0] == 403


def test_mqtt_asks_for_a_known_key(cloudlet, root):
    assert greeted(cloudlet, root["key"], root["secret"]) == 0
    for user, password in (("", ""), ("000000000000", "x"), ("test", "test"), (root["key"], "wrong")):
        assert greeted(cloudlet, user, password) in (134, 135), user
    assert greeted(cloudlet, root["key"], root["secret"], websocket=True) == 0
    assert greeted(cloudlet, "", "", websocket=True) == 135


def greeted(cloudlet, user, password, *, websocket=False):
    """The reason code of the answer to CONNECT."""
    paho = pytest.importorskip("paho.mqtt.client")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, uuid.uuid4().hex, protocol=paho.MQTTv5,
                         transport="websockets" if websocket else "tcp", reconnect_on_failure=False)
    codes = []
    client.on_connect = lambda client, data, flags, code, properties: codes.append(code.value)
    if user:
        client.username_pw_set(user, password)
    client.connect("127.0.0.1", cloudlet.port if websocket else cloudlet.cloudlet.mqtt_port)
    while not codes and client.loop(timeout=10) == 0:
        pass
    client.disconnect()
    client.loop()
    return codes[0]


def test_a_topic_is_confirmed_and_left_by_a_link(cloudlet):
    """Links in letters are signed by nobody; what they name decides."""
    for action in ("ConfirmSubscription&Token=x&TopicArn=", "Unsubscribe&SubscriptionArn="):
        url = f"{cloudlet.url}/?Version=2010-03-31&Action={action}arn:aws:sns:us-east-1:000000000000:none"
        status, answer = fetch(url)
        assert status in (400, 404) and b"MissingAuthenticationToken" not in answer


def test_nothing_runs_with_a_role_that_is_not_here(cloudlet, root):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("app.py", "def handler(event, context):\n    return 1\n")
    functions = cloudlet.client("lambda", **root)
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        functions.create_function(
            FunctionName="roleless", Runtime=f"python3.{sys.version_info.minor}", Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/none", Code={"ZipFile": packed.getvalue()})


def test_the_root_key_survives_and_a_state_without_one_gets_one(fresh):
    running = fresh(credentials="any")
    assert running.control("credentials") == {"believed": "any"}
    running.client("sqs").list_queues()
    running.control("snapshots", {"save": "before"})
    running.stop()
    running = fresh(credentials="known")
    key = root_of(running)
    running.client("sqs", **key).list_queues()
    running.stop()
    running = fresh(credentials="known")
    assert root_of(running) == key
    running.client("sqs", **key).list_queues()
    running.control("snapshots", {"restore": "before"})
    assert code_of(running.client("sqs", **key).list_queues) == "UnrecognizedClientException"
    running.client("sqs", **root_of(running)).list_queues()

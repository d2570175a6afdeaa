"""Access logs: what they say, and how they come to the bucket that they are for."""

import itertools
import json
import re

import boto3
import pytest
from botocore.config import Config

ACCOUNT, OTHER = "000000000000", "000000000009"
MINUTE, DAY = 60, 86_400
FIELDS = ("owner", "bucket", "time", "ip", "requester", "id", "operation", "key", "line", "status", "error",
          "sent", "size", "total", "turn", "referer", "agent", "version", "host_id", "signature", "cipher",
          "auth", "host", "tls", "point", "acl", "from")
FIELD = re.compile(r'"[^"]*"|\[[^]]*\]|\S+')
_numbers = itertools.count()


def policy(target, source="*", principal="logging.s3.amazonaws.com", prefix=""):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": principal}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/{prefix}*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
                      "StringEquals": {"aws:SourceAccount": ACCOUNT}}}]})


def parsed(text):
    """The records of a log, by their fields."""
    found = [FIELD.findall(line) for line in text.splitlines()]
    assert all(len(one) == len(FIELDS) for one in found), text
    return [dict(zip(FIELDS, (field.strip('"') for field in one), strict=True)) for one in found]


@pytest.fixture
def target(s3):
    """A bucket whose policy lets logs in."""
    name = f"logs-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=policy(name))
    return name


def switch(s3, bucket, target, prefix="", **more):
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {
        "TargetBucket": target, "TargetPrefix": prefix, **more}})


@pytest.fixture
def keys_of(s3, eventually):
    """The keys of a bucket, once there are as many."""
    def ask(bucket, count):
        found = []

        def number():
            found[:] = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
            return len(found)

        eventually(number, count)
        return found

    return ask


@pytest.fixture
def delivered(cloudlet, s3, keys_of):
    """Let the delivery come, and read the log that it brought."""
    def read(target, count=1):
        cloudlet.advance(5 * MINUTE)
        keys = keys_of(target, count)
        assert len(keys) == count
        return [record for key in keys for record in parsed(
            s3.get_object(Bucket=target, Key=key)["Body"].read().decode())]

    return read


def test_a_request_s_record_says_what_s3_s_says(cloudlet, s3, bucket, target, delivered):
    client = cloudlet.client("s3", config=Config(user_agent='one "agent"'))
    switch(s3, bucket, target, "to/")
    client.put_object(Bucket=bucket, Key="a b/ü", Body=b"12345")
    client.get_object(Bucket=bucket, Key="a b/ü", Range="bytes=1-2")
    put, get = delivered(target)
    owner = s3.list_buckets()["Owner"]["ID"]
    assert (put["owner"], put["requester"], put["bucket"], put["ip"]) == (owner, owner, bucket, "127.0.0.1")
    assert (put["operation"], put["key"], put["status"], put["error"], put["sent"], put["size"]) == (
        "REST.PUT.OBJECT", "a%20b/%C3%BC", "200", "-", "-", "5")
    assert put["line"] == f"PUT /{bucket}/a%20b/%C3%BC HTTP/1.1"
    assert (get["operation"], get["status"], get["sent"], get["size"]) == (
        "REST.GET.OBJECT", "206", "2", "5")
    assert "one %22agent%22" in get["agent"] and get["referer"] == "-"
    assert (get["signature"], get["auth"], get["tls"], get["host"]) == (
        "SigV4", "AuthHeader", "-", f"127.0.0.1:{cloudlet.port}")
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", get["time"])


def test_an_answer_is_in_the_log_before_it_is_sent(fresh, eventually):
    cloudlet = fresh()
    s3 = cloudlet.client("s3")
    for name in ("source", "logs"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket="logs", Policy=policy("logs"))
    switch(s3, "source", "logs")
    s3.put_object(Bucket="source", Key="k", Body=b"x")
    cloudlet.stop()
    again = fresh()
    again.advance(5 * MINUTE)
    s3 = again.client("s3")
    assert eventually(lambda: s3.list_objects_v2(Bucket="logs")["KeyCount"], 1) == 1


def test_refusals_and_nobody_s_requests_are_logged(cloudlet, s3, bucket, target, delivered, fetch, refused):
    switch(s3, bucket, target)
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="absent")
    assert fetch(f"{cloudlet.url}/{bucket}/k?x=1", Referer="http://there")[0] == 403
    url = s3.generate_presigned_url("list_objects_v2", {"Bucket": bucket})
    assert fetch(url)[0] == 200
    other = cloudlet.client("s3", key=OTHER)
    with refused("403"):
        other.head_bucket(Bucket=bucket)
    absent, nobody, signed, foreign = delivered(target)
    assert (absent["status"], absent["error"], absent["key"], absent["size"]) == (
        "404", "NoSuchKey", "absent", "-")
    assert int(absent["sent"]) > 0
    assert (nobody["requester"], nobody["status"], nobody["error"], nobody["referer"]) == (
        "-", "403", "AccessDenied", "http://there")
    assert nobody["line"] == f"GET /{bucket}/k?x=1 HTTP/1.1"
    assert (nobody["signature"], nobody["auth"]) == ("-", "-")
    assert (signed["operation"], signed["auth"]) == ("REST.GET.BUCKET", "QueryString")
    assert (foreign["operation"], foreign["status"], foreign["sent"]) == ("REST.HEAD.BUCKET", "403", "-")
    assert foreign["requester"] != foreign["owner"]


def test_many_deletions_and_copies_have_a_record_for_each(s3, bucket, target, delivered):
    switch(s3, bucket, target)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.copy_object(Bucket=target, Key="copy", CopySource=f"{bucket}/k")
    s3.delete_objects(Bucket=bucket, Delete={"Quiet": True, "Objects": [{"Key": "k"}, {"Key": "l"}]})
    s3.delete_object(Bucket=target, Key="copy")
    records = delivered(target)
    assert [(one["operation"], one["key"], one["status"]) for one in records] == [
        ("REST.PUT.OBJECT", "k", "200"), ("REST.COPY.OBJECT_GET", "k", "200"),
        ("REST.POST.MULTI_OBJECT_DELETE", "-", "200"), ("BATCH.DELETE.OBJECT", "k", "204"),
        ("BATCH.DELETE.OBJECT", "l", "204")]


def test_what_only_a_grant_let_in_is_marked(cloudlet, s3, target, delivered, fetch):
    name = f"granted-{next(_numbers)}"
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.put_object(Bucket=name, Key="k", Body=b"x", ACL="public-read")
    switch(s3, name, target)
    assert fetch(f"{cloudlet.url}/{name}/k")[0] == 200
    s3.get_object(Bucket=name, Key="k")
    assert [one["acl"] for one in delivered(target)] == ["Yes", "-"]


def test_websites_and_forms_are_logged(cloudlet, s3, bucket, target, delivered, fetch):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    post = s3.generate_presigned_post(bucket, "by-form")
    switch(s3, bucket, target)
    assert fetch(f"{cloudlet.url}/_site/s3-website/{bucket}/page")[0] == 403
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             for name, value in post["fields"].items()]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhi\r\n--x--\r\n')
    assert fetch(post["url"], "POST", "".join(parts).encode(),
                 content_type="multipart/form-data; boundary=x")[0] == 204
    visit, form = delivered(target)
    assert (visit["operation"], visit["key"], visit["status"], visit["requester"], visit["error"]) == (
        "WEBSITE.GET.OBJECT", "page", "403", "-", "AccessDenied")
    assert (form["operation"], form["key"], form["status"]) == ("REST.POST.OBJECT", "by-form", "204")


def test_a_lifecycle_s_work_is_logged(fresh, eventually):
    cloudlet = fresh()
    s3 = cloudlet.client("s3")
    for name in ("source", "logs"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket="logs", Policy=policy("logs"))
    s3.put_object(Bucket="source", Key="k", Body=b"x")
    s3.put_bucket_lifecycle_configuration(Bucket="source", LifecycleConfiguration={"Rules": [
        {"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]})
    switch(s3, "source", "logs")
    cloudlet.advance(2 * DAY)
    cloudlet.advance(5 * MINUTE)
    assert eventually(lambda: s3.list_objects_v2(Bucket="logs")["KeyCount"], 1) == 1
    key = s3.list_objects_v2(Bucket="logs")["Contents"][0]["Key"]
    record, = parsed(s3.get_object(Bucket="logs", Key=key)["Body"].read().decode())
    assert (record["requester"], record["operation"], record["key"], record["size"]) == (
        "AmazonS3", "S3.EXPIRE.OBJECT", "k", "1")


@pytest.mark.parametrize(("form", "shape"), [
    (None, r"p/\d{4}(-\d\d){5}-[0-9A-F]{16}"),
    ({"SimplePrefix": {}}, r"p/\d{4}(-\d\d){5}-[0-9A-F]{16}"),
    ({"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}},
     r"p/000000000000/us-east-1/BUCKET/\d{4}/\d\d/\d\d/\d{4}(-\d\d){5}-[0-9A-F]{16}"),
    ({"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
     r"p/000000000000/us-east-1/BUCKET/\d{4}/\d\d/\d\d/\d{4}(-\d\d){2}-00-00-00-[0-9A-F]{16}")])
def test_a_log_s_keys_are_as_they_were_asked_for(cloudlet, s3, bucket, target, keys_of, form, shape):
    switch(s3, bucket, target, "p/", **({"TargetObjectKeyFormat": form} if form else {}))
    shown = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert (shown["TargetBucket"], shown["TargetPrefix"]) == (target, "p/")
    assert shown.get("TargetObjectKeyFormat") == form
    cloudlet.advance(5 * MINUTE)
    key, = keys_of(target, 1)
    assert re.fullmatch(shape.replace("BUCKET", bucket), key)


def test_a_log_that_is_switched_off_still_brings_what_was_logged(s3, bucket, target, delivered):
    switch(s3, bucket, target)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    s3.get_object(Bucket=bucket, Key="k")
    assert [one["operation"] for one in delivered(target)] == ["REST.PUT.OBJECT"]


def test_the_log_s_bucket_must_let_it_in(cloudlet, s3, bucket, target, keys_of):
    switch(s3, bucket, target)
    s3.put_bucket_policy(Bucket=target, Policy=policy(target, source="another-*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    cloudlet.advance(5 * MINUTE)
    s3.put_bucket_policy(Bucket=target, Policy=policy(target, source=bucket))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    cloudlet.advance(5 * MINUTE)
    assert len(keys_of(target, 1)) == 1


def test_grants_let_logs_in_where_there_are_any(s3, bucket, delivered, refused):
    target = f"granting-{next(_numbers)}"
    s3.create_bucket(Bucket=target, ObjectOwnership="ObjectWriter")
    with refused("InvalidTargetBucketForLogging"):
        switch(s3, bucket, target)
    s3.put_bucket_acl(Bucket=target, ACL="log-delivery-write")
    everyone = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
    switch(s3, bucket, target, TargetGrants=[
        {"Grantee": {"Type": "Group", "URI": everyone}, "Permission": "READ"}])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert delivered(target)[-1]["operation"] == "REST.PUT.OBJECT"
    key = s3.list_objects_v2(Bucket=target)["Contents"][0]["Key"]
    grants = s3.get_object_acl(Bucket=target, Key=key)["Grants"]
    assert [one["Permission"] for one in grants if one["Grantee"].get("URI") == everyone] == ["READ"]


def test_a_log_that_can_t_be_is_refused(cloudlet, s3, bucket, target, refused):
    with refused("InvalidTargetBucketForLogging"):
        switch(s3, bucket, "there-is-no-such-bucket")
    theirs = f"theirs-{next(_numbers)}"
    cloudlet.client("s3", key=OTHER).create_bucket(Bucket=theirs)
    with refused("InvalidTargetBucketForLogging"):
        switch(s3, bucket, theirs)
    far = f"far-{next(_numbers)}"
    cloudlet.client("s3", region="eu-west-1").create_bucket(
        Bucket=far, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with refused("CrossLocationLoggingProhibited"):
        switch(s3, bucket, far)
    s3.put_bucket_ownership_controls(Bucket=target, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    with refused("AccessControlListNotSupported"):
        switch(s3, bucket, target, TargetGrants=[
            {"Grantee": {"Type": "CanonicalUser", "ID": "0" * 64}, "Permission": "READ"}])
    s3.put_bucket_request_payment(Bucket=target, RequestPaymentConfiguration={"Payer": "Requester"})
    with refused("InvalidTargetBucketForLogging"):
        switch(s3, bucket, target)


def test_a_point_s_requests_name_it(cloudlet, s3, bucket, target, delivered):
    control = boto3.client(
        "s3control", endpoint_url=f"http://localhost:{cloudlet.port}", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test", config=Config(proxies={"http": cloudlet.url}))
    made = control.create_access_point(AccountId=ACCOUNT, Name=f"{bucket}-point", Bucket=bucket)
    switch(s3, bucket, target)
    s3.put_object(Bucket=made["Alias"], Key="k", Body=b"x")
    record, = delivered(target)
    assert (record["bucket"], record["point"]) == (bucket, made["AccessPointArn"])


def test_a_template_sets_a_bucket_s_log(cloudlet, s3, delivered):
    cloudformation = cloudlet.client("cloudformation")
    logging = {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "of/",
               "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}}

    def deploy(verb, **properties):
        template = {"Resources": {
            "Logs": {"Type": "AWS::S3::Bucket"},
            "Source": {"Type": "AWS::S3::Bucket", "Properties": properties},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {
                "Bucket": {"Ref": "Logs"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
                    "Action": "s3:PutObject", "Resource": {"Fn::Sub": "${Logs.Arn}/of/*"}}]}}}},
            "Outputs": {name: {"Value": {"Ref": name}} for name in ("Source", "Logs")}}
        getattr(cloudformation, f"{verb}_stack")(StackName="logged", TemplateBody=json.dumps(template))
        waiter = cloudformation.get_waiter(f"stack_{verb}_complete")
        waiter.wait(StackName="logged", WaiterConfig={"Delay": 1})
        found = cloudformation.describe_stacks(StackName="logged")["Stacks"][0]["Outputs"]
        return {one["OutputKey"]: one["OutputValue"] for one in found}

    names = deploy("create", LoggingConfiguration=logging)
    s3.put_object(Bucket=names["Source"], Key="k", Body=b"x")
    assert [one["operation"] for one in delivered(names["Logs"])] == ["REST.PUT.OBJECT"]
    deploy("update")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=names["Source"])
    deploy("update", LoggingConfiguration={"LogFilePrefix": "own/"})
    assert s3.get_bucket_logging(Bucket=names["Source"])["LoggingEnabled"] == {
        "TargetBucket": names["Source"], "TargetPrefix": "own/"}

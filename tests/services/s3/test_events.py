"""What happens by itself: notifications, and lifecycle rules on the clock."""

import json

import pytest


@pytest.fixture
def queue(cloudlet, request):
    """A queue's URL and ARN."""
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=request.node.name[:60].replace("[", "-").replace("]", ""))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return url, arn


def received(cloudlet, url):
    sqs = cloudlet.client("sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for one in messages:
            found.append(json.loads(one["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return found


def notify(s3, bucket, arn, *events, **rules):
    s3.put_bucket_notification_configuration(Bucket=bucket,
                                             NotificationConfiguration={"QueueConfigurations": [{
        "Id": "mine", "QueueArn": arn, "Events": list(events), "Filter": {"Key": {"FilterRules": [
            {"Name": name, "Value": value} for name, value in rules.items()]}}}]})


def test_a_queue_is_told_of_new_objects(cloudlet, s3, bucket, queue):
    url, arn = queue
    notify(s3, bucket, arn, "s3:ObjectCreated:*", "s3:ObjectRemoved:Delete", prefix="in/", suffix=".png")
    test, = received(cloudlet, url)
    assert (test["Event"], test["Bucket"]) == ("s3:TestEvent", bucket)
    s3.put_object(Bucket=bucket, Key="in/a b.png", Body=b"12345")
    s3.put_object(Bucket=bucket, Key="in/a.txt", Body=b"")
    s3.copy_object(Bucket=bucket, Key="in/c.png", CopySource={"Bucket": bucket, "Key": "in/a b.png"})
    s3.delete_object(Bucket=bucket, Key="in/c.png")
    records = [event["Records"][0] for event in received(cloudlet, url)]
    assert sorted(one["eventName"] for one in records) == [
        "ObjectCreated:Copy", "ObjectCreated:Put", "ObjectRemoved:Delete"]
    record = next(one for one in records if one["eventName"] == "ObjectCreated:Put")
    assert (record["eventSource"], record["awsRegion"], record["eventVersion"]) == (
        "aws:s3", "us-east-1", "2.1")
    about = record["s3"]
    assert about["bucket"]["arn"] == f"arn:aws:s3:::{bucket}" and about["configurationId"] == "mine"
    assert (about["object"]["key"], about["object"]["size"]) == ("in/a+b.png", 5)
    assert about["object"]["eTag"] == "827ccb0eea8a706c4c34a16891f84e7b"


def test_a_notification_that_can_not_work_is_refused(s3, bucket, queue, refused):
    _, arn = queue
    with refused("InvalidArgument"):
        notify(s3, bucket, arn.replace("a_notification", "nothing"), "s3:ObjectCreated:*")
    with refused("InvalidArgument"):
        notify(s3, bucket, arn, "s3:ObjectCreated:*", infix="x")
    with refused("InvalidArgument"):
        s3.put_bucket_notification_configuration(Bucket=bucket,
                                                 NotificationConfiguration={"QueueConfigurations": [
            {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]},
            {"QueueArn": arn, "Events": ["s3:ObjectCreated:Put"]}]})
    with refused("InvalidArgument"):
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"Events": ["s3:ObjectCreated:*"], "LambdaFunctionArn":
                                              "arn:aws:lambda:us-east-1:000000000000:function:nobody"}]})
    assert s3.get_bucket_notification_configuration(Bucket=bucket).keys() == {"ResponseMetadata"}


def test_an_object_expires_at_midnight(fresh):
    cloudlet = fresh()
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="short-lived")
    s3.put_bucket_lifecycle_configuration(Bucket="short-lived", LifecycleConfiguration={"Rules": [
        {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 2}}]})
    put = s3.put_object(Bucket="short-lived", Key="logs/1", Body=b"x" * 100_000)
    assert 'rule-id="logs"' in put["Expiration"]
    s3.put_object(Bucket="short-lived", Key="kept", Body=b"x")
    keys = lambda: [one["Key"] for one in s3.list_objects_v2(Bucket="short-lived")["Contents"]]  # noqa: E731
    cloudlet.advance(86_400)
    assert keys() == ["kept", "logs/1"]
    cloudlet.advance(3 * 86_400)
    for _ in range(200):
        if keys() == ["kept"]:
            break
    assert keys() == ["kept"]


@pytest.mark.parametrize(("rule", "code"), [
    ({"Expiration": {"Days": 0}}, "InvalidArgument"), ({}, "InvalidRequest"),
    ({"Transitions": [{"Days": 1, "StorageClass": "STANDARD"}]}, "MalformedXML"),
    ({"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
    ({"Transitions": [{"Days": 5, "StorageClass": "GLACIER"}], "Expiration": {"Days": 5}}, "InvalidArgument"),
    ({"Expiration": {"Days": 1}, "Status": "Perhaps"}, "MalformedXML")])
def test_a_rule_that_makes_no_sense_is_refused(s3, bucket, refused, rule, code):
    with refused(code):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [
            {"Status": "Enabled", "Filter": {}} | rule]})


def test_a_stack_has_buckets(cloudlet, s3, refused):
    cloudformation = cloudlet.client("cloudformation")
    template = {"Resources": {
        "Photos": {"Type": "AWS::S3::Bucket", "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"}, "Tags": [{"Key": "a", "Value": "b"}],
            "CorsConfiguration": {"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"],
                                                 "MaxAge": 5}]},
            "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": "3",
                                                  "Prefix": "x"}]}}},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {
            "Bucket": {"Ref": "Photos"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
                "Resource": {"Fn::Sub": "${Photos.Arn}/*"}}]}}}},
        "Outputs": {"Name": {"Value": {"Ref": "Photos"}}}}
    cloudformation.create_stack(StackName="photos", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="photos", WaiterConfig={"Delay": 1})
    name = cloudformation.describe_stacks(StackName="photos")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 5
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]["Expiration"] == {"Days": 3}
    with refused("AccessDenied"):
        s3.delete_object(Bucket=name, Key="k")

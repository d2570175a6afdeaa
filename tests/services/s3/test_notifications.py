"""Event notifications: what each event says, who may be told, and which configurations AWS refuses."""

import io
import itertools
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(1)
ROLE = "arn:aws:iam::000000000000:role/any"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


def allowing(service, action, arn):
    """A resource policy that lets a service in."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": arn}]})


class Inbox:
    """A queue that S3 may send to."""

    def __init__(self, cloudlet, region="us-east-1") -> None:
        self.sqs = cloudlet.client("sqs", region=region)
        self.url = self.sqs.create_queue(QueueName=f"inbox-{next(_numbers)}")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = found["Attributes"]["QueueArn"]
        self.let("s3.amazonaws.com")

    def let(self, service) -> None:
        """Whom the queue's policy lets in."""
        policy = allowing(service, "sqs:SendMessage", self.arn)
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def messages(self) -> list[dict]:
        """All messages, taken out."""
        found = []
        while more := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10,
                                               AttributeNames=["All"]).get("Messages"):
            found += more
            for one in more:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])
        return found

    def records(self) -> list[dict]:
        """All events but those of the test."""
        bodies = [json.loads(one["Body"]) for one in self.messages()]
        return [body["Records"][0] for body in bodies if "Records" in body]


@pytest.fixture
def inbox(cloudlet):
    return Inbox(cloudlet)


def watch(s3, bucket, inbox, *events, **rules):
    """Let the inbox be told of events in the bucket."""
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        "QueueConfigurations": [entry(inbox.arn, *events, **rules)]})
    inbox.messages()


def entry(arn, *events, kind="Queue", **rules):
    found = {f"{kind}Arn": arn, "Events": list(events)}
    if rules:
        found["Filter"] = {"Key": {"FilterRules": [
            {"Name": name, "Value": value} for name, value in rules.items()]}}
    return found


def says(s3, bucket, *entries, kind="Queue", **more):
    """The error that a configuration is refused with."""
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={f"{kind}Configurations": list(entries)}, **more)
    return caught.value.response["Error"]


def test_versions_come_and_go_with_all_that_aws_says(s3, bucket, inbox):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    watch(s3, bucket, inbox, "s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version["VersionId"])
    made, marked, gone = inbox.records()
    assert [one["eventName"] for one in (made, marked, gone)] == [
        "ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"]
    assert {one["eventVersion"] for one in (made, marked, gone)} == {"2.1"}
    objects = [one["s3"]["object"] for one in (made, marked, gone)]
    sequencers = [one.pop("sequencer") for one in objects]
    assert sequencers == sorted(set(sequencers))
    assert objects == [
        {
            "key": "k",
            "size": 4,
            "eTag": "8d777f385d3dfec8815d20f7496026dc",
            "versionId": version["VersionId"],
        },
        {"key": "k", "eTag": EMPTY, "versionId": marker},
        {"key": "k", "versionId": version["VersionId"]},
    ]
    answer = version["ResponseMetadata"]
    assert made["responseElements"]["x-amz-request-id"] == answer["HTTPHeaders"]["x-amz-request-id"]


def test_a_key_that_is_made_and_deleted_and_made_is_told_in_order(fresh):
    running = fresh()
    running.control("clock", {"freeze": True})
    s3, inbox = running.client("s3"), Inbox(running)
    s3.create_bucket(Bucket="order")
    watch(s3, "order", inbox, "s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    for _ in range(3):
        s3.put_object(Bucket="order", Key="k", Body=b"")
        s3.delete_object(Bucket="order", Key="k")
    sequencers = [one["s3"]["object"]["sequencer"] for one in inbox.records()]
    assert len(sequencers) == 6 and sequencers == sorted(set(sequencers))


def test_settings_of_an_object_are_told_in_their_own_form(s3, bucket, inbox):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_public_access_block(Bucket=bucket)
    watch(s3, bucket, inbox, "s3:ObjectTagging:*", "s3:ObjectAcl:Put")
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")  # as it was
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    found = inbox.records()
    assert [one["eventName"] for one in found] == ["ObjectTagging:Put", "ObjectTagging:Delete",
                                                   "ObjectAcl:Put"]
    assert all(one["eventVersion"] == "2.3" and one["s3"]["object"] == {"key": "k", "eTag": EMPTY}
               for one in found)


def test_a_lock_is_told(cloudlet, s3, inbox):
    s3.create_bucket(Bucket="locked-things", ObjectLockEnabledForBucket=True)
    watch(s3, "locked-things", inbox, "s3:ObjectRetention:Put")
    s3.put_object(Bucket="locked-things", Key="k", Body=b"")
    s3.put_object_retention(Bucket="locked-things", Key="k", Retention={
        "Mode": "GOVERNANCE", "RetainUntilDate": "2099-01-01T00:00:00Z"})
    assert [one["eventName"] for one in inbox.records()] == ["ObjectRetention:Put"]


def test_what_the_lifecycle_removes_is_told_as_its_own(fresh):
    running = fresh()
    s3, inbox = running.client("s3"), Inbox(running)
    s3.create_bucket(Bucket="short")
    watch(s3, "short", inbox, "s3:LifecycleExpiration:*")
    s3.put_bucket_lifecycle_configuration(Bucket="short", LifecycleConfiguration={"Rules": [
        {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]})
    s3.put_object(Bucket="short", Key="k", Body=b"x")
    running.advance(3 * 86_400)
    for _ in range(500):
        if found := inbox.records():
            break
    event, = found
    assert (event["eventName"], event["eventVersion"]) == ("LifecycleExpiration:Delete", "2.3")
    assert event["userIdentity"] == {"principalId": "s3.amazonaws.com"}
    assert event["requestParameters"] == {"sourceIPAddress": "s3.amazonaws.com"}
    assert event["s3"]["object"].keys() == {"key", "sequencer"}


def test_filters_are_given_back_as_aws_writes_them_and_are_encoded(s3, bucket, inbox):
    watch(s3, bucket, inbox, "s3:ObjectCreated:*", PREFIX="my%20photos/", suffix="%2B.jpg")
    rules = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]["Filter"]
    assert rules["Key"]["FilterRules"] == [{"Name": "Prefix", "Value": "my%20photos/"},
                                           {"Name": "Suffix", "Value": "%2B.jpg"}]
    for key in ("my photos/a+.jpg", "my photos/a.jpg", "my%20photos/a+.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [one["s3"]["object"]["key"] for one in inbox.records()] == ["my+photos/a%2B.jpg"]


def test_a_trace_goes_along_to_queues(cloudlet, bucket, inbox):
    s3 = cloudlet.client("s3")
    watch(s3, bucket, inbox, "s3:ObjectCreated:*")
    trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"

    def bring(request, **_):
        request.headers["X-Amzn-Trace-Id"] = trace

    s3.meta.events.register("before-send.s3.PutObject", bring)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    message, = inbox.messages()
    assert message["Attributes"]["AWSTraceHeader"].startswith(
        "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent="
    )


def test_topics_are_told_with_a_subject(cloudlet, s3, bucket, inbox):
    sns = cloudlet.client("sns")
    topic = sns.create_topic(Name="photos")["TopicArn"]
    error = says(s3, bucket, entry(topic.replace("photos", "nothing"), "s3:ObjectCreated:*", kind="Topic"),
                 kind="Topic")
    assert error["ArgumentValue1"] == "The destination topic does not exist"
    inbox.let("sns.amazonaws.com")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy",
                             AttributeValue=allowing("s3.amazonaws.com", "sns:Publish", topic))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        "TopicConfigurations": [entry(topic, "s3:ObjectCreated:*", kind="Topic")]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    test, event = (json.loads(one["Body"]) for one in inbox.messages())
    assert json.loads(test["Message"])["Event"] == "s3:TestEvent"
    assert event["Subject"] == "Amazon S3 Notification"
    assert json.loads(event["Message"])["Records"][0]["s3"]["object"]["key"] == "k"


def test_a_function_must_let_the_bucket_invoke_it(cloudlet, s3, bucket):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    client = cloudlet.client("lambda")
    arn = client.create_function(FunctionName="told", Role=ROLE, Runtime="python3.11", Handler="app.handler",
                                 Code={"ZipFile": packed.getvalue()})["FunctionArn"]
    told = entry(arn, "s3:ObjectCreated:*", kind="LambdaFunction")
    error = says(s3, bucket, told, kind="LambdaFunction")
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert (error["ArgumentName1"], error["ArgumentValue1"]) == (
        f"{arn}, null", f"Not authorized to invoke function [{arn}]")
    client.add_permission(FunctionName="told", StatementId="s3", Action="lambda:InvokeFunction",
                          Principal="s3.amazonaws.com", SourceArn=f"arn:aws:s3:::{bucket}",
                          SourceAccount="000000000000")
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [told]})


def test_all_destinations_that_can_not_work_are_named(cloudlet, s3, bucket, inbox):
    closed, nothing = Inbox(cloudlet), inbox.arn + "-nothing"
    closed.let("sns.amazonaws.com")
    error = says(s3, bucket, entry(inbox.arn, "s3:ObjectCreated:*"), entry(nothing, "s3:ObjectRemoved:*"),
                 entry(closed.arn, "s3:ObjectTagging:*"))
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert (error["ArgumentName1"], error["ArgumentValue1"]) == (
        nothing, "The destination queue does not exist")
    assert (error["ArgumentName2"], error["ArgumentValue2"]) == (
        closed.arn, "Permissions on the destination queue do not allow S3 to publish notifications from this "
        "bucket")
    assert inbox.messages() == []  # what was sent before the refusal is taken back
    s3.put_bucket_notification_configuration(Bucket=bucket, SkipDestinationValidation=True,
                                             NotificationConfiguration={"QueueConfigurations": [
                                                 entry(nothing, "s3:ObjectCreated:*")]})


@pytest.mark.parametrize(("one", "other", "overlaps"), [
    (("s3:ObjectCreated:*", {}), ("s3:ObjectCreated:Put", {}), "Configurations overlap."),
    (("s3:ObjectCreated:*", {"prefix": "a/"}), ("s3:ObjectCreated:*", {"prefix": "a/b/"}), "ambiguously"),
    (("s3:ObjectCreated:*", {"suffix": ".png"}), ("s3:ObjectCreated:*", {"prefix": "a/"}), "ambiguously"),
    (("s3:ObjectCreated:*", {"suffix": ".png"}), ("s3:ObjectCreated:*", {"suffix": ".jpg"}), ""),
    (("s3:ObjectCreated:*", {"prefix": "a/"}), ("s3:ObjectCreated:*", {"prefix": "b/"}), ""),
    (("s3:ObjectCreated:*", {}), ("s3:ObjectRemoved:*", {}), "")])
def test_two_entries_may_not_be_meant_by_one_event(s3, bucket, inbox, one, other, overlaps):
    entries = [entry(inbox.arn, event, **rules) for event, rules in (one, other)]
    if overlaps:
        error = says(s3, bucket, *entries)
        assert error["Code"] == "InvalidArgument" and overlaps in error["Message"]
    else:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": entries})


def test_what_can_not_be_a_destination_is_refused(cloudlet, s3, bucket, inbox):
    error = says(s3, bucket, entry("nonsense", "s3:ObjectCreated:*"), SkipDestinationValidation=True)
    assert (error["Message"], error["ArgumentName"], error["ArgumentValue"]) == (
        "The ARN could not be parsed", "Queue", "nonsense")
    elsewhere = Inbox(cloudlet, "eu-west-1")
    error = says(s3, bucket, entry(elsewhere.arn, "s3:ObjectCreated:*"))
    assert error["Message"].startswith("The notification destination service region is not valid")
    assert says(s3, bucket, entry(inbox.arn + ".fifo", "s3:ObjectCreated:*"))["Code"] == "InvalidArgument"


@pytest.mark.parametrize("event", ["s3:ObjectAnnotation:*", "s3:ObjectAnnotation:Put"])
def test_nobody_waits_for_what_never_happens(s3, bucket, inbox, event):
    assert says(s3, bucket, entry(inbox.arn, event))["Code"] == "NotHonoured"


def test_events_of_features_that_are_refused_elsewhere_are_accepted(s3, bucket, inbox):
    watch(s3, bucket, inbox, "s3:Replication:*", "s3:ReducedRedundancyLostObject", "s3:IntelligentTiering",
          "s3:LifecycleTransition")
    assert inbox.records() == []

"""HTTP endpoints: the handshake, what is posted, retries on the clock, and signatures that can be checked."""

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

PLAIN = "text/plain; charset=UTF-8"
SIGNED = {"Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")}
ASKED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def verify(message: dict) -> None:
    """What AWS's guide tells a receiver to do; raises if the signature is not that of the certificate."""
    with urllib.request.urlopen(message["SigningCertURL"]) as answer:
        certificate = x509.load_pem_x509_certificate(answer.read())
    names = [name for name in SIGNED.get(message["Type"], ASKED) if name in message]
    text = "".join(f"{name}\n{message[name]}\n" for name in sorted(names))
    digest = {"1": hashes.SHA1(), "2": hashes.SHA256()}[message["SignatureVersion"]]
    certificate.public_key().verify(base64.b64decode(message["Signature"]), text.encode(), PKCS1v15(), digest)


def subscribed(running, topic, endpoint, **attributes):
    """Subscribe the endpoint and confirm it by its link: the ARN of the subscription."""
    sns = running.client("sns")
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=attributes)
    with urllib.request.urlopen(endpoint.next().json["SubscribeURL"]):
        return sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"]


def retries(**policy) -> str:
    least = {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0}
    return json.dumps({"healthyRetryPolicy": least | policy})


def test_an_endpoint_confirms_by_the_link_it_is_sent(cloudlet, sns, make, endpoint, visit):
    topic = make(cloudlet)
    made = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    assert made["SubscriptionArn"] == "pending confirmation"
    asked = endpoint.next()
    found = asked.json
    assert asked.path == "/hook" and list(found) == [
        "Type", "MessageId", "Token", "TopicArn", "Message", "SubscribeURL", "Timestamp", "SignatureVersion",
        "Signature", "SigningCertURL"]
    assert {name.lower(): value for name, value in asked.headers.items()
            if name.lower().startswith("x-") or name.lower() in ("content-type", "user-agent")} == {
        "x-amz-sns-message-type": "SubscriptionConfirmation", "x-amz-sns-message-id": found["MessageId"],
        "x-amz-sns-topic-arn": topic, "content-type": PLAIN,
        "user-agent": "Amazon Simple Notification Service Agent"}
    assert found["Message"] == (
        f"You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, visit the "
        "SubscribeURL included in this message.")
    verify(found)
    listed, = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    assert "<ConfirmSubscriptionResult><SubscriptionArn>" in visit(found["SubscribeURL"])
    visit(found["SubscribeURL"])
    listed, = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    shown = sns.get_subscription_attributes(SubscriptionArn=listed["SubscriptionArn"])["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")


def test_a_wrong_token_confirms_nothing(cloudlet, sns, make, endpoint, refused):
    topic = make(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    token = endpoint.next().json["Token"]
    assert refused(sns.confirm_subscription, TopicArn=topic, Token="random") == (
        "InvalidParameter", "Invalid token")
    assert refused(sns.confirm_subscription, TopicArn=topic, Token="0" * len(token)) == (
        "InvalidParameter", "Invalid parameter: Token")
    assert refused(sns.confirm_subscription, TopicArn=make(cloudlet), Token=token) == (
        "InvalidParameter", "Invalid parameter: Token")
    assert refused(sns.confirm_subscription, TopicArn="broken", Token=token) == (
        "InvalidParameter", "Invalid parameter: Topic")
    assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"].startswith(topic)


def test_a_token_that_is_not_used_for_two_days_takes_its_subscription_along(fresh, make, endpoint, refused):
    cloudlet = fresh()
    sns, topic = cloudlet.client("sns"), make(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    token = endpoint.next().json["Token"]
    cloudlet.advance(2 * 86_400 + 1)
    assert refused(sns.confirm_subscription, TopicArn=topic, Token=token)[1] == "Invalid parameter: Token"
    for _ in range(1000):
        if not sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            break
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsPending"] == "0"


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_message_is_posted_and_signed(cloudlet, sns, make, endpoint, version):
    topic = make(cloudlet, SignatureVersion=version)
    arn = subscribed(cloudlet, topic, endpoint)
    sent = sns.publish(TopicArn=topic, Message="Grüße\n", Subject="Hi")
    posted = endpoint.next()
    headers = {name.lower(): value for name, value in posted.headers.items()}
    assert (headers["x-amz-sns-message-type"], headers["x-amz-sns-subscription-arn"],
            headers["content-type"]) == (
        "Notification", arn, PLAIN)
    assert posted.json["MessageId"] == sent["MessageId"] and posted.json["SignatureVersion"] == version
    verify(posted.json)


def test_queues_get_signatures_too(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    sns.publish(TopicArn=topic, Message="x")
    verify(heard.envelopes()[0])


def test_a_message_that_was_changed_does_not_verify(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    sns.publish(TopicArn=topic, Message="x")
    with pytest.raises(Exception, match=r"^$"):
        verify(heard.envelopes()[0] | {"Message": "y"})


def test_only_the_certificate_is_served(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    sns.publish(TopicArn=topic, Message="x")
    url = heard.envelopes()[0]["SigningCertURL"]
    for wrong in (url.replace("Service-", "Service-0"), url + "/more"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(wrong)


def test_raw_delivery_posts_the_message_with_its_own_type(cloudlet, sns, make, endpoint):
    topic = make(cloudlet)
    subscribed(cloudlet, topic, endpoint, RawMessageDelivery="true",
               DeliveryPolicy=json.dumps({"requestPolicy": {"headerContentType": "text/csv"}}))
    sns.publish(TopicArn=topic, Message="a,b")
    posted = endpoint.next()
    assert posted.body == b"a,b" and posted.headers["content-type"] == "text/csv"
    assert posted.headers["x-amz-sns-rawdelivery"] == "true"


def test_a_password_in_the_url_becomes_a_header(cloudlet, sns, make, endpoint):
    topic, url = make(cloudlet), endpoint.url.replace("http://", "http://me:se%20cret@")
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    asked = endpoint.next()
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"me:se cret"
    assert "@" not in asked.headers["host"]


def test_what_fails_is_tried_again_as_the_policy_says(fresh, make, listen, endpoint, settled):
    cloudlet = fresh()
    sns, topic, grave = cloudlet.client("sns"), make(cloudlet), listen(cloudlet)
    subscribed(cloudlet, topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": grave.arn}),
               DeliveryPolicy=retries(numRetries=3, minDelayTarget=100, maxDelayTarget=300,
                                      numNoDelayRetries=1))
    endpoint.answers = [500, 503, 429]
    sent = sns.publish(TopicArn=topic, Message="x")
    first, second = endpoint.next(), endpoint.next()  # at once, without a delay
    assert first.json == second.json
    for seconds in (100, 300):
        settled(cloudlet)
        cloudlet.advance(seconds - 2)
        assert endpoint.silent()
        cloudlet.advance(3)
        assert endpoint.next().json["MessageId"] == sent["MessageId"]
    assert grave.bodies() == []
    endpoint.answers = [500] * 4
    sns.publish(TopicArn=topic, Message="lost")
    endpoint.next(), endpoint.next()
    for seconds in (101, 301):
        settled(cloudlet)
        cloudlet.advance(seconds)
        endpoint.next()
    assert grave.heard(5) == ["lost"]


@pytest.mark.parametrize("status", [400, 404, 302])
def test_what_an_endpoint_does_not_want_is_not_tried_again(cloudlet, sns, make, listen, endpoint, status):
    topic, grave = make(cloudlet), listen(cloudlet)
    subscribed(cloudlet, topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": grave.arn}))
    endpoint.answers = [status]
    sns.publish(TopicArn=topic, Message="x")
    assert endpoint.next().path == "/hook"
    assert grave.heard(5) == ["x"] and endpoint.silent()


def test_an_endpoint_that_is_not_there_is_tried_until_the_policy_ends(cloudlet, sns, make, listen, endpoint):
    topic, grave = make(cloudlet), listen(cloudlet)
    subscribed(cloudlet, topic, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": grave.arn}),
               DeliveryPolicy=retries(numRetries=2, numNoDelayRetries=2))
    endpoint._server.shutdown()
    endpoint._server.server_close()
    sns.publish(TopicArn=topic, Message="x")
    assert grave.heard(5) == ["x"]


def test_an_endpoint_is_not_hurried(fresh, make, endpoint):
    cloudlet = fresh()
    cloudlet.control("clock", {"freeze": True})
    sns, topic = cloudlet.client("sns"), make(cloudlet)
    subscribed(cloudlet, topic, endpoint,
               DeliveryPolicy=json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 2}}))
    for n in range(4):
        sns.publish(TopicArn=topic, Message=str(n))
    heard = [endpoint.next().json["Message"]]
    for _ in range(3):
        assert endpoint.silent()
        cloudlet.advance(0.5)
        heard.append(endpoint.next().json["Message"])
    assert heard == ["0", "1", "2", "3"]


def test_the_topics_policy_counts_where_the_subscription_has_none(cloudlet, sns, make, endpoint):
    topic = make(cloudlet, DeliveryPolicy=json.dumps({"http": {
        "defaultRequestPolicy": {"headerContentType": "application/json"}}}))
    arn = subscribed(cloudlet, topic, endpoint, DeliveryPolicy=retries())
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    shown = json.loads(found["EffectiveDeliveryPolicy"])
    assert shown["requestPolicy"] == {"headerContentType": "application/json"}
    assert shown["healthyRetryPolicy"] == {
        "minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0, "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear"}
    sns.publish(TopicArn=topic, Message="x")
    assert endpoint.next().headers["content-type"] == "application/json"


def test_who_is_unsubscribed_by_link_can_come_back(cloudlet, sns, make, endpoint, visit):
    topic = make(cloudlet)
    arn = subscribed(cloudlet, topic, endpoint)
    sns.publish(TopicArn=topic, Message="x")
    visit(endpoint.next().json["UnsubscribeURL"])
    told = endpoint.next()
    assert told.headers["x-amz-sns-message-type"] == told.json["Type"] == "UnsubscribeConfirmation"
    assert told.json["Message"].startswith(f"You have chosen to deactivate subscription {arn}.")
    verify(told.json)
    sns.publish(TopicArn=topic, Message="not heard")
    visit(told.json["SubscribeURL"])
    sns.publish(TopicArn=topic, Message="heard again")
    assert endpoint.next().json["Message"] == "heard again"


def test_a_guarded_subscription_ends_by_a_signed_request_only(cloudlet, sns, make, endpoint, visit):
    topic = make(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    arn = sns.confirm_subscription(TopicArn=topic, Token=endpoint.next().json["Token"],
                                   AuthenticateOnUnsubscribe="true")["SubscriptionArn"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        visit(f"{cloudlet.url}/?Action=Unsubscribe&SubscriptionArn={arn}")
    sns.unsubscribe(SubscriptionArn=arn)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_post_that_is_due_survives_a_restart(fresh, make, endpoint, settled):
    cloudlet = fresh()
    topic = make(cloudlet)
    subscribed(cloudlet, topic, endpoint,
               DeliveryPolicy=retries(numRetries=1, minDelayTarget=60, maxDelayTarget=60))
    endpoint.answers = [500]
    sent = cloudlet.client("sns").publish(TopicArn=topic, Message="x")
    endpoint.next()
    settled(cloudlet)
    cloudlet.stop()
    again = fresh()
    again.advance(61)
    assert endpoint.next().json["MessageId"] == sent["MessageId"]


VALIDATOR = """
const http = require('http'), https = require('https'), Validator = require(process.argv[1]);
https.get = (url, done) => http.get(String(url).replace('https:', 'http:'), done);  // we speak plain HTTP
const message = JSON.parse(process.argv[2]);
message.SigningCertURL = message.SigningCertURL.replace('http:', 'https:');
new Validator(new RegExp('^127\\\\.0\\\\.0\\\\.1:\\\\d+$')).validate(message, (error) => {
  console.log(error ? String(error) : 'valid');
});
"""


@pytest.mark.parametrize("version", ["1", "2"])
def test_awss_own_validator_for_javascript_accepts_it(cloudlet, sns, make, listen, version):
    package = shutil.which("node") and subprocess.run(
        ["node", "-p", "require.resolve('sns-validator')"], capture_output=True, text=True).stdout.strip()
    if not package:
        pytest.skip("node with the package sns-validator (see NODE_PATH) is not installed")
    topic = make(cloudlet, SignatureVersion=version)
    heard = listen(cloudlet, topic)
    sns.publish(TopicArn=topic, Message="x", Subject="s")
    message = heard.envelopes()[0]

    def validated(one):
        return subprocess.run(["node", "-e", VALIDATOR, package, json.dumps(one)], capture_output=True,
                              text=True).stdout.strip()

    assert validated(message) == "valid"
    assert validated(message | {"Message": "y"}) == "Error: The message signature is invalid."

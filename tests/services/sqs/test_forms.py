"""The query protocol: forms in, XML out, as old SDKs, the JavaScript SDK v2 and curl speak."""

import urllib.error
import urllib.parse
import urllib.request
from xml.etree import ElementTree

import pytest

_SPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture
def post(cloudlet):
    """Send a form; the status and the XML come back."""
    def send(action: str, path: str = "/", **fields: str) -> tuple[int, ElementTree.Element]:
        data = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05"} | fields).encode()
        try:
            with urllib.request.urlopen(cloudlet.url + path, data) as answer:
                return answer.status, ElementTree.fromstring(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ElementTree.fromstring(error.read())

    return send


def texts(document: ElementTree.Element, name: str) -> list[str | None]:
    """The texts of all elements of that name."""
    return [node.text for node in document.iter(_SPACE + name)]


def test_a_message_goes_through_in_forms(post):
    _, made = post("CreateQueue", QueueName="forms", **{
        "Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "7",
        "Tag.1.Key": "a", "Tag.1.Value": "b"})
    url, = texts(made, "QueueUrl")
    path = urllib.parse.urlsplit(url).path
    status, sent = post("SendMessage", path, MessageBody="a < b", **{
        "MessageAttribute.1.Name": "x", "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "y"})
    assert status == 200 and sent.tag == f"{_SPACE}SendMessageResponse"
    _, got = post("ReceiveMessage", path, **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    message = got.find(f"{_SPACE}ReceiveMessageResult/{_SPACE}Message")
    assert message.findtext(f"{_SPACE}Body") == "a < b"
    assert texts(message, "Name")[-1] == "x" and texts(message, "StringValue") == ["y"]
    assert texts(message, "MD5OfMessageAttributes") == texts(sent, "MD5OfMessageAttributes")
    _, gone = post("DeleteMessageBatch", path, **{
        "DeleteMessageBatchRequestEntry.1.Id": "m",
        "DeleteMessageBatchRequestEntry.1.ReceiptHandle": message.findtext(f"{_SPACE}ReceiptHandle")})
    entry, = gone.iter(f"{_SPACE}DeleteMessageBatchResultEntry")
    assert entry.findtext(f"{_SPACE}Id") == "m"
    _, found = post("GetQueueAttributes", QueueUrl=url, **{"AttributeName.1": "VisibilityTimeout"})
    assert (texts(found, "Name"), texts(found, "Value")) == (["VisibilityTimeout"], ["7"])
    assert texts(post("ListQueueTags", QueueUrl=url)[1], "Key") == ["a"]


def test_carriage_returns_and_characters_of_every_plane_survive_xml(post):
    url, = texts(post("CreateQueue", QueueName="lines")[1], "QueueUrl")
    post("SendMessage", QueueUrl=url, MessageBody="one\r\ntwo\r\U0001f600")
    assert texts(post("ReceiveMessage", QueueUrl=url)[1], "Body") == ["one\r\ntwo\r\U0001f600"]


def test_batches_and_lists_are_flat(post):
    url, = texts(post("CreateQueue", QueueName="flat")[1], "QueueUrl")
    entries = {f"SendMessageBatchRequestEntry.{n}.{member}": value for n in (1, 2)
               for member, value in (("Id", str(n)), ("MessageBody", "x"))}
    assert texts(post("SendMessageBatch", QueueUrl=url, **entries)[1], "Id") == ["1", "2"]
    assert url in texts(post("ListQueues", QueueNamePrefix="flat")[1], "QueueUrl")


def test_errors_have_their_old_codes(post):
    status, error = post("GetQueueUrl", QueueName="nowhere")
    assert (status, texts(error, "Code"), texts(error, "Type")) == (
        400, ["AWS.SimpleQueueService.NonExistentQueue"], ["Sender"])
    status, error = post("SendMessage", MessageBody="x")
    assert (status, texts(error, "Code"), texts(error, "Message")) == (
        400, ["MissingParameter"], ["The request must contain the parameter QueueUrl."])
    assert texts(post("CreateQueue", QueueName="a b")[1], "Code") == ["InvalidParameterValue"]

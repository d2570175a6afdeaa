"""The shortest way through the whole house."""


def test_a_message_goes_in_and_comes_out(cloudlet):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello")
    got = sqs.receive_message(QueueUrl=url)["Messages"]
    assert [(m["MessageId"], m["Body"]) for m in got] == [(sent["MessageId"], "hello")]


def test_the_cloudlet_says_that_it_is_well(cloudlet):
    assert cloudlet.control("health")["status"] == "running"

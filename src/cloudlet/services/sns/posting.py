"""HTTP endpoints: each message is a task of its own, posted as its delivery policy says.

What a delivery needs is in its task, so it survives any crash; the policy is read anew for every attempt.
An answer of 2xx is a delivery. 429, 5xx, no answer within 15 seconds and no connection are tried again, for
an hour at most; any other answer is final, a redirect too: none is followed.
"""

import base64
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from ...fabric import outgoing, targets, timers
from ...fabric.targets import DeadLetter, Parcel
from ...kernel import Call, Conversation
from . import delivery_policies, feedback, limits
from .delivery_policies import Effective
from .notices import Notice, confirmation
from .records import Pace, Subscription, Topic, paces, subscriptions, topics
from .service import sns

_AGENT = "Amazon Simple Notification Service Agent"
_NOTIFICATION = "Notification"


class Job(msgspec.Struct):
    """One message on its way to one endpoint. ``note`` is for the delivery status, if the topic logs it."""

    topic: str
    subscription: Subscription
    kind: str
    message_id: str
    body: bytes
    since_ms: int
    grave: DeadLetter | None = None
    note: dict[str, Any] = {}
    tries: int = 0


def schedule(call: Call, topic: Topic, subscription: Subscription, notice: Notice,
             grave: DeadLetter | None) -> None:
    """Post a notice, once this is committed."""
    text, _ = notice.letter(subscription)
    job = Job(topic.name, subscription, _NOTIFICATION, notice.message.id, text.encode(), call.now_ms, grave)
    if topic.feedback:
        job.note = feedback.note(topic, subscription, notice.message)
    _put(call, job, call.now_ms, delivery_policies.effective(topic.delivery, subscription.delivery))


def confirm(call: Call, topic: Topic, subscription: Subscription, kind: str, token: str) -> None:
    """Ask an endpoint to confirm, or tell it how to come back."""
    body, id = confirmation(call, topic, kind, token, subscription.arn)
    job = Job(topic.name, subscription, kind, id, body.encode(), call.now_ms)
    _put(call, job, call.now_ms, delivery_policies.effective(topic.delivery, subscription.delivery))


@sns.task
async def post(call: Conversation, *, job: dict[str, object]) -> None:
    """Try once, and settle what came of it."""
    one = msgspec.convert(job, type=Job)
    policy = await call.transact(lambda inner: _policy(inner, one))
    if policy is None:
        return
    error, status = "", 0
    try:
        with call.kernel.clock.holding(f"a request to {one.subscription.endpoint}"):
            answer = await outgoing.send("POST", *_request(call, one, policy), one.body, limits.TIMEOUT_S)
        status = answer.status
        if not 200 <= status < 300:
            error = f"the endpoint answered {status}"
    except TimeoutError:
        error = f"the endpoint did not answer within {limits.TIMEOUT_S} seconds"
    except outgoing.Unreachable as unreachable:
        error = f"the endpoint can't be reached: {unreachable}"
    call.see("refused" if error else "delivered", one.subscription.endpoint,
             source=one.subscription.topic_arn, event=one.message_id, why=error, payload=one.body)
    await call.transact(lambda inner: _settle(inner, one, policy, status, error))


def _policy(call: Call, job: Job) -> Effective | None:
    """The policy that counts now; None if the message is nobody's any more."""
    topic = topics.get(call, job.topic)
    there = subscriptions.get(call, job.topic, job.subscription.id)
    if topic is None or (there is None and job.kind != "UnsubscribeConfirmation"):
        return None
    return delivery_policies.effective(topic.delivery, there.delivery if there else "")


def _request(call: Conversation, job: Job, policy: Effective) -> tuple[str, dict[str, str]]:
    """The URL and the headers."""
    parts = urlsplit(job.subscription.endpoint)
    headers = {"x-amz-sns-message-type": job.kind, "x-amz-sns-message-id": job.message_id,
               "x-amz-sns-topic-arn": job.subscription.topic_arn}
    if job.kind != "SubscriptionConfirmation":
        headers["x-amz-sns-subscription-arn"] = job.subscription.arn
    if job.kind == _NOTIFICATION and job.subscription.raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    headers["content-type"] = policy.content_type if job.kind == _NOTIFICATION else delivery_policies.PLAIN
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    headers |= {"user-agent": _AGENT, "accept-encoding": "gzip,deflate"}
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), headers


def _settle(call: Call, job: Job, policy: Effective, status: int, error: str) -> None:
    job = msgspec.structs.replace(job, tries=job.tries + 1)  # a copy: a transaction may run twice
    lasting = 0 < status < 500 and status != 429
    if error and not lasting and job.tries <= len(policy.delays_ms):
        at_ms = call.now_ms + policy.delays_ms[job.tries - 1]
        if at_ms - job.since_ms <= limits.RETRYING_S * 1000:
            _put(call, job, at_ms, policy)
            return
    if job.note:
        feedback.delivered(call, **job.note, tries=job.tries, error=error, status=status)
    if error and job.grave:
        targets.send(call, Parcel(job.grave.arn, job.grave.delivery))


def _put(call: Call, job: Job, at_ms: int, policy: Effective) -> None:
    """Let the job run at ``at_ms``, or when its endpoint may be bothered again."""
    if policy.per_second and job.kind == _NOTIFICATION:
        pace = paces.get(call, job.topic, job.subscription.id) or Pace()
        at_us = max(at_ms * 1000, pace.next_us)
        paces.put(call, job.topic, job.subscription.id, record=Pace(at_us + 1_000_000 // policy.per_second))
        at_ms = -(-at_us // 1000)
    timers.schedule(call, post, at_ms=at_ms, job=msgspec.to_builtins(job, builtin_types=(bytes,)),
                    id=f"sns/post/{job.subscription.arn}/{job.message_id}/{job.tries}")

"""Activities: work that waits for a worker, who comes and asks for it."""

from ...kernel import Call, Conversation
from ...workflow.records import Answer
from . import engine, limits
from .errors import ActivityDoesNotExist
from .naming import ACTIVITY, activity_arn, check, read
from .paging import after, page
from .queues import Activity, activities, bell_of, take
from .records import Config, executions
from .service import stepfunctions
from .settings import check_encryption
from .settings import tags as tags_of
from .tokens import read as wait_of


@stepfunctions.operation
def create_activity(call: Call, name: str, tags: list[dict[str, str]] | None = None,
                    encryption_configuration: Config | None = None) -> Config:
    """Create an activity; one of that name that is there already is as good."""
    check(name)
    check_encryption(encryption_configuration)
    found = activities.get(call, name)
    if found is None:
        found = Activity(name, call.now_ms, tags_of(tags))
        activities.put(call, name, record=found)
    return {"activityArn": activity_arn(call, name), "creationDate": found.created_ms / 1000}


@stepfunctions.operation
def describe_activity(call: Call, activity_arn: str) -> Config:
    """An activity."""
    found = _find(call, activity_arn)
    return {"activityArn": activity_arn, "name": found.name, "creationDate": found.created_ms / 1000,
            "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}


@stepfunctions.operation
def delete_activity(call: Call, activity_arn: str) -> None:
    """Delete an activity; the tasks in its line wait until they time out."""
    activities.delete(call, read(activity_arn, ACTIVITY).name)


@stepfunctions.operation
def list_activities(call: Call, max_results: int | None = None, next_token: str | None = None) -> Config:
    """Activities by name."""
    return page("activities", activities.items(call, after=after(next_token)), max_results, lambda one: {
        "activityArn": activity_arn(call, one.name), "name": one.name,
        "creationDate": one.created_ms / 1000})


@stepfunctions.operation
async def get_activity_task(call: Conversation, activity_arn: str, worker_name: str | None = None) -> Config:
    """The next task for a worker; nothing, if none comes within a minute."""
    name = await call.transact(lambda inner: _find(inner, activity_arn).name)

    def attempt(inner: Call) -> Config | None:
        while offer := take(inner, name):
            wait = wait_of(offer.token)
            record = executions.get(inner, wait.machine, wait.name)
            if record and record.id == wait.run and engine.is_awaited(inner, record, wait.strand,
                                                                      wait.ticket):
                engine.drive(inner, record, Answer(wait.strand, wait.ticket, "started", worker_name or ""))
                return {"taskToken": offer.token, "input": offer.input}
        return None

    bell = await call.transact(lambda inner: bell_of(inner, name))
    return await call.until(attempt, bell, deadline_ms=call.now_ms + limits.POLL_MS) or {}


def _find(call: Call, arn: str) -> Activity:
    named = read(arn, ACTIVITY)
    found = activities.get(call, named.name) if named.is_here(call) else None
    if found is None:
        raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
    return found

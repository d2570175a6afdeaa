"""SnapStart: a published version is initialised once, and its workers are copies of that process."""

from ...errors import AwsError
from ...fabric import timers
from ...functions import Pool
from ...functions.snapshot import SnapshotFailed
from ...kernel import Call, Conversation
from .concurrency import unreserved
from .errors import InvalidParameterValueException
from .limits import SNAPSHOT_TMP_MB
from .records import Version, function, versions
from .runner import Chosen, credentials_of, spec_of
from .service import lambda_

_SINCE = 12  # Python 3.12, as on AWS
PUBLISHED = "PublishedVersions"


def check_snap_start(apply_on: str, runtime: str, tmp_mb: int) -> None:
    """SnapStart is for some runtimes, and for functions with the usual ``/tmp``."""
    if apply_on != PUBLISHED:
        return
    minor = runtime.removeprefix("python3.")
    if not minor.isdigit() or int(minor) < _SINCE:
        raise InvalidParameterValueException(f"{runtime} is not supported for SnapStart enabled functions.",
                                             )
    if tmp_mb > SNAPSHOT_TMP_MB:
        raise InvalidParameterValueException(
            f"SnapStart is not supported with an ephemeral storage of more than {SNAPSHOT_TMP_MB} MB.")


def begin(call: Call, record: Version) -> Version:
    """Let a version that is published be initialised; until then it takes no events."""
    if record.snap_start == PUBLISHED:
        record.state, record.state_reason = "Pending", ("Creating", "The function is being created.")
        timers.schedule(call, initialise, at_ms=call.now_ms, id=f"lambda/snapshot/{record.revision}",
                        function_name=record.name, number=record.version)
    return record


@lambda_.task
async def initialise(call: Conversation, *, function_name: str, number: str) -> None:
    """Take the snapshot of a version, and say how that went."""
    def choose(inner: Call) -> Chosen | None:
        record = versions.get(inner, function_name, number)
        if record is None:
            return None  # it has been deleted meanwhile
        return Chosen(function(inner, function_name), record, unreserved(inner))

    chosen = await call.transact(choose)
    if chosen is None:
        return
    state, reason = "Active", ("", "")
    try:
        await call.use(Pool).snapshots.of(spec_of(call, chosen), credentials_of(call, chosen.version))
    except SnapshotFailed as error:
        state, reason = "Failed", ("FunctionError", str(error)[:2000])
    except AwsError as error:
        state, reason = "Failed", ("FunctionError", str(error))

    def settle(inner: Call) -> None:
        record = versions.get(inner, function_name, number)
        if record:
            record.state, record.state_reason = state, reason
            versions.put(inner, function_name, number, record=record)
    await call.transact(settle)

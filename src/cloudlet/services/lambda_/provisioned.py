"""Provisioned concurrency: workers that have loaded the function before anybody calls.

A configuration is standing work: its task has the workers started, says READY when all of them have loaded
the function, and keeps them for as long as the record is there, also after a restart.
"""

import asyncio
import math
from typing import Any

from ...errors import AwsError
from ...fabric import standing
from ...functions import Pool
from ...functions.kept import InitFailed
from ...kernel import Call, Conversation
from .concurrency import Provisioned, provisioned, provisioned_for, recount, unreserved
from .errors import (
    InvalidParameterValueException,
    ProvisionedConcurrencyConfigNotFoundException,
)
from .limits import UNRESERVED
from .records import LATEST, Alias, aliases, arn_of, function, name_of, offset_of, stamp, version
from .runner import Chosen, credentials_of, key_of, spec_of
from .service import lambda_

Config = dict[str, Any]
_MISSING = "No Provisioned Concurrency Config found for this function"


@lambda_.operation
def put_provisioned_concurrency_config(call: Call, function_name: str, qualifier: str,
                                       provisioned_concurrent_executions: int) -> Config:
    """Keep so many initialised workers for a version or an alias."""
    name = name_of(call, function_name, qualifier)
    record = version(call, name.name, name.qualifier)
    whole = function(call, name.name)
    if name.qualifier == LATEST:
        raise InvalidParameterValueException(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
            )
    if record.snap_start != "None":
        raise InvalidParameterValueException(
            "Provisioned Concurrency is not supported for SnapStart enabled functions.")
    _check_overlap(call, name.name, name.qualifier)
    total = provisioned_for(call, name.name, but=name.qualifier) + provisioned_concurrent_executions
    if whole.reserved is not None and total > whole.reserved:
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution "
            "for function")
    kept = Provisioned(name.name, name.qualifier, provisioned_concurrent_executions, call.now_ms)
    provisioned.put(call, name.name, name.qualifier, record=kept)
    recount(call)
    if unreserved(call) < UNRESERVED:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED}].")
    start(call, name.name, name.qualifier)
    return _shown(call, kept)


@lambda_.operation
def get_provisioned_concurrency_config(call: Call, function_name: str, qualifier: str) -> Config:
    """How far the workers of a version or an alias are."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    kept = provisioned.get(call, name.name, name.qualifier)
    if kept is None:
        raise ProvisionedConcurrencyConfigNotFoundException(_MISSING)
    return _shown(call, kept)


@lambda_.operation
def delete_provisioned_concurrency_config(call: Call, function_name: str, qualifier: str) -> None:
    """Keep none any more."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    if provisioned.get(call, name.name, name.qualifier) is None:
        raise ProvisionedConcurrencyConfigNotFoundException(_MISSING)
    drop(call, name.name, name.qualifier)
    recount(call)


@lambda_.operation
def list_provisioned_concurrency_configs(call: Call, function_name: str, marker: str | None = None,
                                         max_items: int = 50) -> Config:
    """What is kept for the versions and aliases of a function."""
    name = name_of(call, function_name).name
    function(call, name)
    start_at, kept = offset_of(marker), [one for _, one in provisioned.items(call, name)]
    page = kept[start_at : start_at + max_items]
    found: Config = {"ProvisionedConcurrencyConfigs": [
        {"FunctionArn": arn_of(call, one.function, one.qualifier), **_shown(call, one)} for one in page]}
    if start_at + max_items < len(kept):
        found["NextMarker"] = str(start_at + max_items)
    return found


def start(call: Call, name: str, qualifier: str) -> None:
    """Have the workers of a configuration started anew, if there is one: its alias has moved."""
    kept = provisioned.get(call, name, qualifier)
    if kept is not None:
        kept.status, kept.reason = "IN_PROGRESS", ""
        provisioned.put(call, name, qualifier, record=kept)
        standing.keep(call, provision, id=_id(call, name, qualifier), function=name, qualifier=qualifier)


def drop(call: Call, name: str, qualifier: str = "") -> None:
    """Forget what is kept for a qualifier, or for the whole function."""
    for key, kept in list(provisioned.items(call, name)):
        if not qualifier or kept.qualifier == qualifier:
            provisioned.delete(call, *key)
            standing.drop(call, id=_id(call, name, kept.qualifier))


@lambda_.task
async def provision(call: Conversation, *, function: str, qualifier: str) -> None:
    """Keep the workers of one configuration, for as long as it is there."""
    kept, keys = call.use(Pool).kept, []
    try:
        status, reason = "READY", ""
        try:
            for chosen, count in await call.transact(lambda inner: _shares(inner, function, qualifier)):
                spec = spec_of(call, chosen)
                keys.append(spec.key)
                await kept.keep(spec, count, credentials_of(call, chosen.version))
        except InitFailed as error:
            status, reason = "FAILED", f"FUNCTION_ERROR_INIT_FAILURE: {error}"
        except AwsError as error:
            status, reason = "FAILED", str(error)
        await call.transact(lambda inner: _settle(inner, function, qualifier, status, reason))
        await asyncio.get_running_loop().create_future()  # until the configuration is dropped
    finally:
        for key in keys:
            kept.release(key)


def _shares(call: Call, name: str, qualifier: str) -> list[tuple[Chosen, int]]:
    """What the workers of a configuration run, and how many of them run it."""
    kept = provisioned.get(call, name, qualifier)
    if kept is None:
        return []
    found = []
    for number, count in _split(call, kept).items():
        found.append((Chosen(function(call, name), version(call, name, number), unreserved(call)), count))
    return found


def _split(call: Call, kept: Provisioned) -> dict[str, int]:
    """The versions behind a qualifier, with the workers of each: an alias splits them by its weights."""
    alias = aliases.get(call, kept.function, kept.qualifier) or Alias("", kept.qualifier, "")
    counts = {other: min(math.ceil(kept.requested * weight), kept.requested)
              for other, weight in alias.weights.items()}
    counts[alias.version] = kept.requested - sum(counts.values())
    return {number: count for number, count in counts.items() if count}


def _settle(call: Call, name: str, qualifier: str, status: str, reason: str) -> None:
    kept = provisioned.get(call, name, qualifier)
    if kept is not None:
        kept.status, kept.reason = status, reason
        provisioned.put(call, name, qualifier, record=kept)


def _check_overlap(call: Call, name: str, qualifier: str) -> None:
    """A version can have workers of its own or through an alias, not both ways."""
    alias = aliases.get(call, name, qualifier)
    mine = {alias.version, *alias.weights} if alias else {qualifier}
    for _, other in provisioned.items(call, name):
        if other.qualifier == qualifier:
            continue
        theirs = aliases.get(call, name, other.qualifier)
        if mine & ({theirs.version, *theirs.weights} if theirs else {other.qualifier}):
            raise InvalidParameterValueException(
                "Provisioned Concurrency Configs are already defined for the following alias or version: "
                f"{other.qualifier}")


def _shown(call: Call, kept: Provisioned) -> Config:
    workers = call.use(Pool).kept
    ready = sum(workers.standing(key_of(call, version(call, kept.function, number)))
                for number in _split(call, kept))
    found: Config = {
        "RequestedProvisionedConcurrentExecutions": kept.requested, "Status": kept.status,
        "AllocatedProvisionedConcurrentExecutions": ready, "AvailableProvisionedConcurrentExecutions": ready,
        "LastModified": stamp(kept.modified_ms)}
    return found | ({"StatusReason": kept.reason} if kept.reason else {})


def _id(call: Call, name: str, qualifier: str) -> str:
    return f"lambda/provisioned/{arn_of(call, name, qualifier)}"

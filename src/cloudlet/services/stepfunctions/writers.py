"""ResultWriter: what became of a distributed Map's children, written to a bucket, or handed to the state.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from collections.abc import Iterator
from typing import Any

from ...identity import Principal
from ...kernel import Call, Conversation
from ...workflow.intrinsics import json_text, json_value
from ...workflow.records import WriteResults
from ...workflow.run import iso
from .maps import label_of, outcomes
from .naming import machine_arn
from .parameters import Unfit
from .records import FAILED, SUCCEEDED

_FILES = ("SUCCEEDED", "FAILED", "PENDING")
Config = dict[str, Any]


async def write(call: Conversation, principal: Principal, effect: WriteResults) -> str:
    """Write the results; what the state's result is, as JSON."""
    given = json_value(effect.arguments)
    results = await call.transact(lambda inner: list(_results(inner, effect.map_run)))
    how, lines = effect.config.get("Transformation", "NONE"), effect.config.get("OutputType") == "JSONL"
    shown = {SUCCEEDED: _transformed([one for one in results if one["Status"] == SUCCEEDED], how),
             FAILED: [one for one in results if one["Status"] != SUCCEEDED]}
    if not effect.resource:
        return json_text(shown[SUCCEEDED])
    if not isinstance(given, dict) or not given.get("Bucket"):
        raise Unfit("The ResultWriter names no Bucket.")
    prefix = "/".join(part for part in (str(given.get("Prefix") or "").strip("/"),
                                        effect.map_run.rpartition(":")[2]) if part)
    files: dict[str, list[Config]] = {name: [] for name in _FILES}
    for status, found in shown.items():
        if found:
            body = ("\n".join(map(json_text, found)) if lines else json_text(found)).encode()
            key = f"{prefix}/{status}_0.json" + ("l" if lines else "")
            await _put(call, principal, given["Bucket"], key, body)
            files[status].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": given["Bucket"], "MapRunArn": effect.map_run, "ResultFiles": files}
    await _put(call, principal, given["Bucket"], f"{prefix}/manifest.json", json_text(manifest).encode())
    return json_text({"MapRunArn": effect.map_run, "ResultWriterDetails": {
        "Bucket": given["Bucket"], "Key": f"{prefix}/manifest.json"}})


async def _put(call: Conversation, principal: Principal, bucket: str, key: str, body: bytes) -> None:
    await call.invoke("s3", "PutObject", as_principal=principal, Bucket=bucket, Key=key, Body=body,
                      ContentType="application/json")


def _results(call: Call, map_run: str) -> Iterator[Config]:
    """What became of each child, in the order they were started."""
    machine = machine_arn(call, label_of(map_run))
    for _, outcome in outcomes.items(call, map_run):
        said = {"ExecutionArn": outcome.arn, "Input": outcome.input, "InputDetails": {"Included": True},
                "Name": outcome.arn.split(":")[7], "Output": outcome.output,
                "OutputDetails": {"Included": True} if outcome.output is not None else None,
                "Error": outcome.error, "Cause": outcome.cause, "StartDate": iso(outcome.started_ms),
                "StateMachineArn": machine, "Status": outcome.status, "StopDate": iso(outcome.stopped_ms)}
        yield {name: value for name, value in said.items() if value is not None}


def _transformed(results: list[Config], how: str) -> list[Any]:
    """Results with all that is known of them, their outputs alone, or those as one list."""
    if how == "NONE":
        return results
    outputs = [json_value(one["Output"]) for one in results]
    if how == "COMPACT":
        return outputs
    return [item for output in outputs for item in (output if isinstance(output, list) else [output])]

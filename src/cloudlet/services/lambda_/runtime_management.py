"""Runtime management: which build of a runtime a function runs on.

A runtime is the interpreter that is installed on this machine, and there is one build of it. So it is always
``Auto``: who updates the interpreter updates the functions. The other modes promise to keep an older build,
which can't be kept here, and are refused.
"""

from typing import Any

from ...errors import NotHonoured
from ...kernel import Call
from .records import arn_of, name_of, version
from .service import lambda_


@lambda_.operation
def put_runtime_management_config(call: Call, function_name: str, update_runtime_on: str,
                                  qualifier: str | None = None) -> dict[str, Any]:
    """Let a function run on the newest build of its runtime; there is no other."""
    shown = get_runtime_management_config(call, function_name, qualifier)
    if update_runtime_on != "Auto":
        raise NotHonoured(
            f"cloudlet can't honour UpdateRuntimeOn {update_runtime_on}: a runtime is the interpreter that "
            "is installed on this machine, and changes with it. It is always Auto.")
    return shown


@lambda_.operation
def get_runtime_management_config(call: Call, function_name: str,
                                  qualifier: str | None = None) -> dict[str, Any]:
    """When a function gets a newer build of its runtime: as soon as the machine has it."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    return {"UpdateRuntimeOn": "Auto", "FunctionArn": arn_of(call, name.name, name.qualifier)}

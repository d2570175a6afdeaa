"""Code signing: there is no AWS Signer here, so no function has a configuration.

What would make one is not served, and so refused; what asks for one is answered as AWS answers when there
is none.
"""

from typing import Any

from ...kernel import Call
from .errors import ResourceNotFoundException
from .records import function, whole_name_of
from .service import lambda_


@lambda_.operation
def get_code_signing_config(call: Call, code_signing_config_arn: str) -> dict[str, Any]:
    """There is none of that ARN."""
    raise ResourceNotFoundException(
        f"The Lambda code signing configuration {code_signing_config_arn} can not be found.")


@lambda_.operation
def list_code_signing_configs(call: Call, marker: str | None = None,
                              max_items: int | None = None) -> dict[str, Any]:
    """None."""
    return {"CodeSigningConfigs": []}


@lambda_.operation
def get_function_code_signing_config(call: Call, function_name: str) -> dict[str, Any]:
    """A function has none."""
    function(call, whole_name_of(call, function_name))
    return {}


@lambda_.operation
def delete_function_code_signing_config(call: Call, function_name: str) -> None:
    """A function has none; so it has none afterwards."""
    function(call, whole_name_of(call, function_name))

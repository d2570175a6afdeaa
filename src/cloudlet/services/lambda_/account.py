"""The account's settings: its quotas, and what of them is used.

What is used is counted as it changes, so that no operation has to add up all functions.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .concurrency import unreserved
from .errors import CodeStorageExceededException
from .limits import CODE_STORAGE, CONCURRENCY, UNZIPPED_SIZE, ZIP_SIZE
from .service import lambda_


class Usage(msgspec.Struct):
    """What an account uses in a region."""

    code_size: int = 0
    functions: int = 0


usage = Table("lambda.usage", Usage)


def count(call: Call, *, code_size: int = 0, functions: int = 0) -> None:
    """More code, or less, and more functions; an error if it is more code than an account may have."""
    used = usage.get(call) or Usage()
    used.code_size += code_size
    used.functions += functions
    if code_size > 0 and used.code_size > CODE_STORAGE:
        raise CodeStorageExceededException
    usage.put(call, record=used)


@lambda_.operation
def get_account_settings(call: Call) -> dict[str, Any]:
    """The account's quotas, and what of them is used."""
    used = usage.get(call) or Usage()
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_STORAGE,
            "CodeSizeUnzipped": UNZIPPED_SIZE,
            "CodeSizeZipped": ZIP_SIZE,
            "ConcurrentExecutions": CONCURRENCY,
            "UnreservedConcurrentExecutions": unreserved(call),
        },
        "AccountUsage": {"TotalCodeSize": used.code_size, "FunctionCount": used.functions},
    }

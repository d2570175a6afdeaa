"""SSESpecification: nothing is encrypted with a customer's key here, so only its absence is honoured."""

from collections.abc import Mapping
from typing import Any

from ...errors import NotHonoured


def check(given: Mapping[str, Any] | None) -> None:
    """Refuse what would have to encrypt."""
    if given is not None and (given.get("Enabled") or given.get("KMSMasterKeyId") or given.get("SSEType")):
        raise NotHonoured("cloudlet does not honour SSESpecification with Enabled true: it keeps tables as "
                          "they are in its data folder, and encrypts nothing. Leave it out, or give Enabled "
                          "false.")

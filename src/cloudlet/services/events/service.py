"""The EventBridge service, and the words in which it refuses too many entries."""

from typing import Any

from ...errors import ValidationException
from ...kernel import Service
from ...wire import validate
from ...wire.model import OperationModel

_SHOWN = ("Time", "Source", "Resources", "DetailType", "Detail", "EventBusName", "TraceHeader",
          "KmsKeyIdentifier", "InternalMetadata")


def _check(spec: OperationModel, params: dict[str, Any]) -> None:
    """The model's constraints; entries are shown as AWS's server prints them."""
    found = validate.violations(params, spec.input) if spec.input else []
    if found:
        entries = params.get("Entries")
        if spec.name == "PutEvents" and isinstance(entries, list) and len(found) == 1 and len(entries) > 10:
            shown = ", ".join(map(_entry, entries))
            found = [f"Value '[{shown}]' at 'entries' failed to satisfy constraint: Member must have length "
                     "less than or equal to 10"]
        raise ValidationException(validate.message(found))


def _entry(entry: dict[str, Any]) -> str:
    shown = (f"{name[0].lower()}{name[1:]}={'null' if entry.get(name) is None else entry[name]}"
             for name in _SHOWN)
    return f"PutEventsRequestEntry({', '.join(shown)})"


events = Service("events", check=_check)

"""Finding the resource type that a template names, without importing every service.

A type's namespace names its service: ``AWS::SQS::Queue`` is of the service whose model calls itself
``sqs`` in one way or another. Where the names have nothing in common, every service is asked.
"""

import re
from collections.abc import Mapping
from typing import Any

from ..kernel import Services

_NOT_NAME = re.compile(r"[^a-z0-9]")
_PREFIXES = re.compile(r"^(amazon|aws)")


class Types:
    """The resource types of all services. ``own`` are those of CloudFormation itself."""

    def __init__(self, services: Services, own: Mapping[str, Any]) -> None:
        self._services, self._own = services, own
        self._by_namespace: dict[str, list[str]] | None = None

    def find(self, name: str) -> Any | None:
        """The resource type called ``name``, if some service here has it."""
        if name.startswith("Custom::"):
            return self._own.get("AWS::CloudFormation::CustomResource")
        if name in self._own:
            return self._own[name]
        parts = name.split("::")
        if len(parts) < 3 or parts[0] != "AWS":
            return None
        candidates = self._candidates(parts[1].lower())
        if not candidates:
            candidates = list(self._services.names)
        for candidate in candidates:
            found = self._services[candidate].resources.get(name)
            if found is not None:
                return found
        return None

    def _candidates(self, namespace: str) -> list[str]:
        if self._by_namespace is None:
            self._by_namespace = {}
            for name, metadata in self._services.metadata.items():
                for alias in _aliases(name, metadata):
                    self._by_namespace.setdefault(alias, []).append(name)
        return self._by_namespace.get(namespace, [])


def _aliases(name: str, metadata: Mapping[str, Any]) -> set[str]:
    """What a namespace may call a service: its name, and what the model says of it."""
    said = [
        name,
        *(
            str(metadata.get(key, ""))
            for key in (
                "endpointPrefix",
                "signingName",
                "serviceId",
                "serviceAbbreviation",
                "serviceFullName",
            )
        ),
    ]
    plain = {_NOT_NAME.sub("", text.lower()) for text in said if text}
    return plain | {_PREFIXES.sub("", text) for text in plain}

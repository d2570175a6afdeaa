"""Which services there are; each is imported when it is first asked for.

Importing all of them would take most of the start-up budget, and a cloudlet that serves one
application needs a few. What routing must know before that comes from the models' metadata.
"""

import pkgutil
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from ..errors import UnknownOperationException
from ..wire import model
from .service import Service

_FOLDERS = {"lambda_": "lambda"}  # a folder may not be called as a keyword


class Services:
    """The folders under :mod:`cloudlet.services`, by botocore's name."""

    def __init__(self, package: str = "cloudlet.services") -> None:
        self._package = package
        self._loaded: dict[str, Service] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Botocore's names of the services that there are."""
        path = import_module(self._package).__path__
        return tuple(
            _FOLDERS.get(found.name, found.name.replace("_", "-")) for found in pkgutil.iter_modules(path)
        )

    @cached_property
    def metadata(self) -> dict[str, dict[str, Any]]:
        """What the models say of each service as a whole."""
        return {name: model.metadata(name) for name in self.names}

    def __getitem__(self, name: str) -> Service:
        service = self._loaded.get(name)
        if service is None:
            if name not in self.names:
                raise UnknownOperationException(
                    f"cloudlet has no service {name!r}. It has: {', '.join(self.names)}."
                )
            folder = next((f for f, n in _FOLDERS.items() if n == name), name.replace("-", "_"))
            service = self._loaded[name] = import_module(f"{self._package}.{folder}").service
        return service

    def parts(self, name: str) -> Iterator[ModuleType]:
        """The module called ``name`` of every service that has one; all services are imported for it."""
        for service in self:
            folder = next((f for f, n in _FOLDERS.items() if n == service.name),
                          service.name.replace("-", "_"))
            if find_spec(f"{self._package}.{folder}.{name}"):
                yield import_module(f"{self._package}.{folder}.{name}")

    @property
    def loaded(self) -> tuple[Service, ...]:
        """The services that have been asked for so far."""
        return tuple(self._loaded.values())

    def __iter__(self) -> Iterator[Service]:
        return (self[name] for name in self.names)

    def of_arn(self, namespace: str) -> Service:
        """The service whose ARNs say ``namespace``: ``states`` is stepfunctions."""
        if namespace in self.names:
            return self[namespace]
        for name, metadata in self.metadata.items():
            if namespace in (metadata.get("endpointPrefix"), metadata.get("signingName")):
                return self[name]
        raise UnknownOperationException(f"cloudlet has no service for ARNs of {namespace!r}.")

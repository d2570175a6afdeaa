"""Which services there are; each is imported when it is first asked for.

Importing all of them would take most of the start-up budget, and a cloudlet that serves one
application needs a few. What routing must know before that comes from the models' metadata.
"""

import pkgutil
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
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
            service = self._loaded[name] = import_module(f"{self._package}.{_folder_of(name)}").service
        return service

    def parts(self, module: str) -> Iterator[ModuleType]:
        """The module called ``module`` of every service that has one."""
        return (import_module(f"{self._package}.{_folder_of(service.name)}.{module}")
                for service in self.with_module(module))

    @property
    def loaded(self) -> tuple[Service, ...]:
        """The services that have been asked for so far."""
        return tuple(self._loaded.values())

    def __iter__(self) -> Iterator[Service]:
        return (self[name] for name in self.names)

    def with_module(self, module: str) -> Iterator[Service]:
        """The services whose folder has a module of that name; no other is imported for it."""
        folder = Path(next(iter(import_module(self._package).__path__)))
        return (self[name] for name in self.names if (folder / _folder_of(name) / f"{module}.py").exists())

    def of_arn(self, namespace: str) -> Service:
        """The service whose ARNs say ``namespace``: ``states`` is stepfunctions."""
        if namespace in self.names:
            return self[namespace]
        for name, metadata in self.metadata.items():
            if namespace in (metadata.get("endpointPrefix"), metadata.get("signingName")):
                return self[name]
        raise UnknownOperationException(f"cloudlet has no service for ARNs of {namespace!r}.")


def _folder_of(name: str) -> str:
    return next((folder for folder, its in _FOLDERS.items() if its == name), name.replace("-", "_"))

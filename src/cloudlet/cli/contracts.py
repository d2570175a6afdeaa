"""What is honoured, refused and harmless of each service, read from the code itself.

An operation's signature is its contract, so there is no list to keep and none to believe.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ..kernel import Service, Services


class Covered(msgspec.Struct, frozen=True):
    """One operation that is served, and what of its input counts."""

    name: str
    honoured: tuple[str, ...]
    harmless: dict[str, str]  # member: why it changes nothing here
    refused: tuple[str, ...]


class Coverage(msgspec.Struct, frozen=True):
    """What there is of one service."""

    service: str
    title: str
    protocols: tuple[str, ...]
    operations: tuple[Covered, ...]
    missing: tuple[str, ...]
    resources: tuple[str, ...]

    @property
    def known(self) -> int:
        """How many operations AWS has."""
        return len(self.operations) + len(self.missing)


def of(service: Service) -> Coverage:
    """Read a service's contract from its functions."""
    served = service.operations
    operations = tuple(
        Covered(name, tuple(m for m in op.members if m in op.honoured),
                {m: why for m, why in op.harmless.items() if m not in op.honoured},
                tuple(m for m in op.members if m not in op.honoured and m not in op.harmless))
        for name, op in sorted(served.items()))
    missing = tuple(sorted(set(service.model.operation_names) - served.keys()))
    title = str(service.model.metadata.get("serviceFullName", service.name))
    return Coverage(service.name, title, service.model.protocols, operations, missing,
                    tuple(sorted(service.resources)))


def everything(services: Services, names: Iterable[str] = ()) -> Iterator[Coverage]:
    """The coverage of the services called ``names``, or of all."""
    for name in tuple(names) or services.names:
        yield of(services[name])

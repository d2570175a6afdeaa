"""One run: what was asked for, and the figures that were found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Row = dict[str, Any]


class Bench:
    """One run: what was asked for, and what was found."""

    def __init__(self, seconds: float, only: str, large: int, quiet: bool) -> None:
        self.seconds, self.only, self.large, self.quiet = seconds, only, large, quiet
        self.rows: list[Row] = []
        self.bare_us = 0.0

    def wants(self, name: str) -> bool:
        """Whether ``--only`` lets it through."""
        return self.only.lower() in name.lower()

    def say(self, text: str) -> None:
        """A line for who watches."""
        if not self.quiet:
            print(text, flush=True)

    def add(self, name: str, text: str, **values: Any) -> None:
        """A figure."""
        self.rows.append({"name": name, **values})
        self.say(f"  {name:<50} {text}")

    @contextmanager
    def section(self, title: str, header: str = "") -> Iterator[None]:
        """A part of the table; what goes wrong in one case does not end the run."""
        self.say(f"\n{title:<52} {header}")
        yield

    def attempt(
        self, name: str, services: tuple[str, ...], there: set[str], measure: Callable[[], None]
    ) -> None:
        """Measure one case, or say why not."""
        if not self.wants(name):
            return
        missing = [service for service in services if service not in there]
        if missing:
            self.add(name, f"not there ({', '.join(missing)})", missing=missing)
            return
        try:
            measure()
        except Exception as error:  # one case must not cost the others their figures
            first = (str(error).splitlines() or [""])[0]
            self.add(name, f"failed: {type(error).__name__}: {first[:150]}", failed=first)

"""Two values that stand for none: what is not known yet, and what is as if it were not written."""

from typing import Final


class Sentinel:
    """A value that stands for none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNKNOWN: Final = Sentinel("UNKNOWN")  # known after deployment
NO_VALUE: Final = Sentinel("NO_VALUE")  # AWS::NoValue: as if it were not written

"""What commands write: calm tables for people, JSON for scripts.

Colour is for terminals only, and meaning never hangs on it. Rich takes 40 ms to import, so it is
imported when the first table is drawn.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

_PLAIN_WIDTH = 200  # of lines that no terminal limits


def say(text: str = "", *, dim: bool = False, err: bool = False) -> None:
    """One line."""
    click.echo(click.style(text, dim=True) if dim else text, err=err)


def good(text: str) -> str:
    """Text that is good news."""
    return click.style(text, fg="green")


def bad(text: str) -> str:
    """Text that is bad news."""
    return click.style(text, fg="red")


def warning(text: str) -> str:
    """Text that one should not overlook."""
    return click.style(text, fg="yellow")


def faint(text: str) -> str:
    """Text that one need not read."""
    return click.style(text, dim=True)


def bold(text: str) -> str:
    """Text to find again."""
    return click.style(text, bold=True)


def document(value: Any, *, line: bool = False) -> None:
    """JSON, on one line where a program reads line by line."""
    click.echo(json.dumps(value, default=str, indent=None if line else 2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, heading: bool = True) -> None:
    """Columns under faint headings, two spaces in; nothing if there are no rows."""
    from rich.console import Console  # 40 ms, which `up` does not have before its first answer
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False,
                  show_header=heading)
    for name in columns:
        drawn.add_column(name, overflow="fold")
    count = 0
    for row in rows:
        drawn.add_row(*(Text.from_ansi(str(cell)) for cell in row))
        count += 1
    if not count:
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        click.echo(f"  {line}".rstrip())


def size(count: float) -> str:
    """Bytes, as people say them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def on_terminal() -> bool:
    """Whether a person watches."""
    return sys.stdout.isatty()


def pairs(given: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` options as a mapping."""
    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{one!r} is not KEY=VALUE.")
        found[key] = value
    return found


def fail(happened: str, advice: str = "") -> click.ClickException:
    """An error that says what happened, and what to do."""
    return click.ClickException(f"{happened}\n{advice}" if advice else happened)

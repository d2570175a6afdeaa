"""How the demo tells what happens: short lines, times on the right, and no claim that was not checked."""

import struct
import sys
import time
import zlib

from rich.console import Console
from rich.text import Text

WIDTH = 96
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH + 20)
failures: list[str] = []


def chapter(title):
    """A heading."""
    console.print()
    console.print(Text(title, style="bold"))


def fact(text, right=""):
    """Something that happened, and how long it took."""
    line = Text("  ") + Text.from_markup(text)
    if right:
        line.pad_right(max(1, WIDTH - 2 - line.cell_len - len(right)))
        line.append(right, style="dim")
    console.print(line, soft_wrap=True)


def claim(text, true, right=""):
    """Something the demo says is so: shown as it is, and remembered if it isn't."""
    if not true:
        failures.append(text)
    fact(f"[green]✓[/] {text}" if true else f"[red]✗ {text}[/]", right)


def ms(seconds):
    """A duration to read."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


class Stopwatch:
    """``with Stopwatch() as took: …`` and then ``took.seconds``."""

    def __enter__(self):
        self._began = time.perf_counter()
        self.seconds = 0.0
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._began

    def __str__(self):
        return ms(self.seconds)


def eventually(attempt, within_s=10.0):
    """What ``attempt`` gives as soon as it gives something; None if it never does."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = attempt()
        if found:
            return found
        time.sleep(0.01)
    return None


def png(width, height):
    """A picture: a sunset over water, written by hand so that the demo needs no imaging library."""
    rows = bytearray()
    for y in range(height):
        t = y / height
        sky = (int(30 + 220 * t), int(60 + 90 * t), int(130 - 50 * t))
        water = (int(20 + 90 * (1 - t)), int(70 + 40 * (1 - t)), 110)
        rows += b"\0" + bytes(sky if t < 0.62 else water) * width
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b"")))


def png_size(raw):
    """Width and height of a PNG."""
    return struct.unpack(">II", raw[16:24])


def tree(spans):
    """The spans of a trace as an indented list: name, duration, error."""
    known = {span["id"] for span in spans}
    children = {}
    for span in sorted(spans, key=lambda span: span["start_s"]):
        children.setdefault(span["parent"] if span["parent"] in known else "", []).append(span)

    def walk(parent, depth):
        for span in children.get(parent, ()):
            yield depth, span
            yield from walk(span["id"], depth + 1)

    return list(walk("", 0))

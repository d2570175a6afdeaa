"""What ``--debug`` says: which function waits for an editor, where, and how to attach one."""

import click

from . import paper

_PYTHON, _NODE = 5678, 9229  # where editors look first


def wished(text: str) -> tuple[str, int]:
    """``NAME`` or ``NAME:PORT``; port 0 stands for the one its runtime's editors look at.

    >>> wished("Checkout:9230")
    ('Checkout', 9230)
    """
    name, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        return text, 0
    if not 0 < int(port) < 65536:
        raise click.UsageError(f"--debug {text}: a port is a number from 1 to 65535.")
    return name, int(port)


def port_of(runtime: str, wanted: int) -> int:
    """Where a function waits, unless another port is wanted."""
    return wanted or (_NODE if runtime.startswith("nodejs") else _PYTHON)


def explain(name: str, runtime: str, port: int) -> None:
    """Tell how to attach."""
    how = ("in Chrome, open chrome://inspect; in VS Code, attach to Node.js" if runtime.startswith("nodejs")
           else "in VS Code, attach with Python Debugger: Remote Attach")
    paper.say(f"{paper.bold(name)} waits for an editor at 127.0.0.1:{port} from its next event on", err=True)
    paper.say(f"{how}; the function's clock stands still at breakpoints", dim=True, err=True)

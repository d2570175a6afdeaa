"""The commands. Each is a module of its own, imported when it is the one that was asked for.

``cloudlet up`` has 300 ms from its first instruction to its first answer, and ``--help`` should not
feel slow: so nothing here imports more than click, and rich waits until there is something to draw.
"""

from importlib import import_module

import click

from .. import __version__

_COMMANDS = ("up", "deploy", "invoke", "tune", "logs", "events", "replay", "status", "env", "reset",
             "workflow", "snapshot", "fsck", "coverage", "doctor")


class _Commands(click.Group):
    """Click's own way to find a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cloudlet")
def main() -> None:
    """A serverless cloud in one process.

    `cloudlet up` starts one on the application in the current folder; `cloudlet env` points your tools
    at it.
    """


__all__ = ["main"]

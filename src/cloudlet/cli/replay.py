"""``cloudlet replay``: send what travelled once more."""

import click

from . import paper
from .remote import endpoint_option, find


@click.command("replay")
@click.argument("number", type=click.IntRange(min=1))
@click.option("--to", metavar="ARN", default="", help="Deliver it there, and not to where it went.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@endpoint_option
def command(number: int, to: str, as_json: bool, endpoint: str | None) -> None:
    """Deliver the event NUMBER of `cloudlet events` again: the same payload, as an event of its own.

    One that was filtered, refused or lost is delivered as well, past whatever kept it from arriving.
    """
    answer = find(endpoint).control("replay", {"number": number, "to": to})
    if as_json:
        paper.document(answer)
    else:
        paper.say(f"{paper.good('delivered')} to {answer['target']}, as {answer['event']}")

"""``cloudlet events``: what travelled where and, where something did not arrive, why not."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import click

from . import paper
from .remote import endpoint_option, find

_SHOWN = 120  # characters of a payload
_BAD, _DOUBTFUL = ("failed", "lost", "dead-lettered"), ("refused", "returned", "filtered")


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option("-n", "--last", default=50, show_default=True, help="How many to show first.")
@click.option("--source", metavar="NAME", help="Only from this resource or service; a name or an ARN.")
@click.option("--target", metavar="NAME", help="Only to this resource or service.")
@click.option("--outcome", metavar="WORDS", help="Only these, with commas between: sent, delivered, "
              "filtered, refused, dead-lettered, lost, taken, returned, ran, failed.")
@click.option("--event", metavar="ID", help="Only the event with this id.")
@click.option("--pattern", metavar="JSON", help='Only what an event pattern matches, such as '
              '\'{"payload": {"state": ["paid"]}}\'; --json shows the names.')
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with whole payloads.")
@endpoint_option
def command(follow: bool, last: int, source: str | None, target: str | None, outcome: str | None,
            event: str | None, pattern: str | None, as_json: bool, endpoint: str | None) -> None:
    """Show the events that travelled: to queues, through topics and notifications, into functions.

    The number of each is what `cloudlet replay` takes. The newest few thousand are kept, in memory.
    """
    asked = {"last": str(last), "follow": "1" if follow else "", "source": source, "target": target,
             "outcome": outcome, "event": event, "pattern": pattern}
    remote = find(endpoint)
    if follow:
        remote.patience_s = None
    try:
        for line in remote.lines(f"events?{urlencode({key: text for key, text in asked.items() if text})}"):
            if as_json:
                paper.document(line, line=True)
            else:
                paper.say(_line(line))
    except KeyboardInterrupt:
        return


def _line(one: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(one["at"]).strftime("%H:%M:%S.%f")[:-3]
    outcome = f"{one['outcome']:<13}"
    if one["outcome"] in _BAD:
        outcome = paper.bad(outcome)
    elif one["outcome"] in _DOUBTFUL:
        outcome = paper.warning(outcome)
    way = f"{_short(one['source'])} → {_short(one['target'])}" if one["source"] else _short(one["target"])
    why = f" ({one['why']})" if one["why"] else ""
    said = _brief(one["payload"]) + (f" → {_brief(one['answer'])}" if "answer" in one else "")
    return f"{paper.faint(moment)} {one['number']:>5} {outcome} {paper.bold(way)}{why}  {said}"


def _short(arn: str) -> str:
    """An ARN without what is the same in all of them."""
    parts = arn.split(":", 5)
    return f"{parts[2]}:{parts[5]}" if len(parts) == 6 else arn


def _brief(payload: Any) -> str:
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

"""``cloudlet status``: what runs, and where it can be reached."""

import click

from . import paper
from .names import stacks
from .remote import Refusal, Remote, endpoint_option, find, pages


@click.command("status")
@endpoint_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(endpoint: str | None, as_json: bool) -> None:
    """Show the running cloudlet: its stacks, outputs and functions. Exits with 1 if none answers."""
    remote = find(endpoint)
    health = remote.control("health")
    found = {"endpoint": remote.endpoint, **health, "stacks": _stacks(remote),
             "functions": _functions(remote)}
    if as_json:
        paper.document(found)
        return
    state = paper.good(health["status"])
    paper.say(f"cloudlet {health['version']} is {state} at {paper.bold(remote.endpoint)}")
    paper.say(f"services: {', '.join(sorted(health['services']))}", dim=True)
    for stack in found["stacks"]:
        paper.say()
        paper.say(f"{paper.bold(stack['name'])}  {stack['status']}")
        paper.table(("output", "value"), stack["outputs"].items())
    if found["functions"]:
        paper.say()
        paper.table(("function", "runtime", "memory", "timeout"),
                    [(one["name"], one["runtime"], f"{one['memoryMb']} MB", f"{one['timeoutS']} s")
                     for one in found["functions"]])


def _stacks(remote: Remote) -> list[dict[str, object]]:
    try:
        return [{"name": one.name, "status": one.status, "outputs": one.outputs} for one in stacks(remote)]
    except Refusal:
        return []


def _functions(remote: Remote) -> list[dict[str, object]]:
    try:
        return [{"name": one["FunctionName"], "runtime": one.get("Runtime", ""),
                 "memoryMb": one.get("MemorySize"), "timeoutS": one.get("Timeout")}
                for one in pages(remote, "lambda", "/2015-03-31/functions", "Functions", "NextMarker")]
    except Refusal:
        return []

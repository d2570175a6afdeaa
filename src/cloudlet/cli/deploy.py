"""``cloudlet deploy``: deploy a folder to a cloudlet that runs already."""

import sys
from pathlib import Path

import click

from . import paper
from .remote import Refusal, endpoint_option, find
from .reports import report


@click.command("deploy")
@click.argument("path", default=".", type=click.Path(exists=True, path_type=Path))
@click.option("--parameter", multiple=True, metavar="KEY=VALUE", help="A parameter of the template.")
@endpoint_option
@click.option("--json", "as_json", is_flag=True, help="Events as JSON, one a line.")
def command(path: Path, parameter: tuple[str, ...], endpoint: str | None, as_json: bool) -> None:
    """Deploy the application in PATH (a folder, or a template) to the running cloudlet.

    The code runs from where it is; nothing is uploaded. Exits with 1 if the deployment failed.
    """
    telling, last = report(as_json), ""
    wish = {"path": str(path.resolve()), "parameters": paper.pairs(parameter)}
    try:
        for event in find(endpoint).lines("deploy", wish):
            telling.tell(event)
            last = event["event"]
    except Refusal as refusal:
        if refusal.status == 404:
            raise paper.fail("The cloudlet that runs is no `cloudlet up`, and deploys nothing by itself.",
                             "Use `aws cloudformation deploy`, or start it with `cloudlet up`.") from None
        raise
    if last != "deployed":
        sys.exit(1)

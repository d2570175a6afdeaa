"""``cloudlet env``: what to export so that any SDK or tool speaks to the cloudlet."""

import os
import re

import click

from . import paper
from .remote import TOKEN_VARIABLE, endpoint_option, find


@click.command("env")
@endpoint_option
@click.option("--account", default="000000000000", show_default=True, help="The account to work in.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(endpoint: str | None, account: str, as_json: bool) -> None:
    """Print export lines: `eval "$(cloudlet env)"`.

    The access key is the account's number: a cloudlet believes keys that nobody created. The token is for the
    cloudlet's own API, such as its clock.
    """
    if not re.fullmatch(r"\d{12}", account):
        raise paper.fail(f"{account!r} is no account: an account has 12 digits.")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    remote = find(endpoint)
    variables = {"AWS_ENDPOINT_URL": remote.endpoint, "AWS_ACCESS_KEY_ID": account,
                 "AWS_SECRET_ACCESS_KEY": "cloudlet", "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
                 # live tails and others are asked for at stream-HOST, which no name server knows
                 "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
    if remote.token:
        variables[TOKEN_VARIABLE] = remote.token
    if as_json:
        paper.document(variables)
        return
    for name, value in variables.items():
        paper.say(f"export {name}={value}")

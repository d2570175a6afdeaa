"""``cloudlet env``: what to export so that any SDK or tool speaks to the cloudlet."""

import os
import re

import click

from . import paper
from .remote import TOKEN_VARIABLE, endpoint_option, find


@click.command("env")
@endpoint_option
@click.option("--account", default="000000000000", show_default=True, help="The account to work in.")
@click.option("--renew", is_flag=True, help="Make another root key; the one until now is no more.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(endpoint: str | None, account: str, renew: bool, as_json: bool) -> None:
    """Print export lines: `eval "$(cloudlet env)"`.

    The access key is the account's number, for a cloudlet believes keys that nobody created. One that runs
    with `--credentials known` does not: of that it is the account's root key. The token is for the
    cloudlet's own API, such as its clock.
    """
    if not re.fullmatch(r"\d{12}", account):
        raise paper.fail(f"{account!r} is no account: an account has 12 digits.")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    remote = find(endpoint)
    key = remote.root_key(account, renew=renew)
    if key is None and renew:
        raise paper.fail("There is no root key to renew.", "A cloudlet has one that was started with "
                         "`--credentials known`, and gives it to who has its token.")
    id, secret = (key.id, key.secret) if key else (account, "cloudlet")
    variables = {"AWS_ENDPOINT_URL": remote.endpoint, "AWS_ACCESS_KEY_ID": id,
                 "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
                 # live tails and others are asked for at stream-HOST, which no name server knows
                 "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
    if remote.token:
        variables[TOKEN_VARIABLE] = remote.token
    if as_json:
        paper.document(variables)
        return
    for name, value in variables.items():
        paper.say(f"export {name}={value}")

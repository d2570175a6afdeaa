"""``cloudlet up``: a cloudlet, and the application in a folder with it.

The door opens first and the application is deployed behind it, so the first answer never waits for a
template. What only the application needs is imported after that.
"""

import asyncio
import errno
import logging
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import uvloop

from ..app import Cloudlet, Options, collect_rarely, running
from ..errors import AwsError
from ..functions.isolation import Isolation, IsolationError, Network, weaknesses
from ..kernel.kernel import Finish, Guard, Invocation
from ..kernel.place import Place
from ..kernel.strangers import Credentials
from ..store import StoreError
from ..store.sqlite import Durability
from ..wire.http import Request, Response
from . import paper
from .debugging import wished
from .remote import DATA_FOLDER, ENDPOINT_FILE, TOKEN_FILE, TOKEN_VARIABLE
from .reports import Aside, Report, report
from .trust import believed_at, is_loopback


@click.command("up")
@click.argument("path", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", default=4566, show_default=True, type=click.IntRange(0, 65535),
              help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--credentials", type=click.Choice(["any", "known"]),
              help="Whose keys are believed: anybody's, or those made here alone. "
                   "[default: any; known, if others than this machine can reach --host]")
@click.option("--mqtt", type=click.IntRange(0, 65535), metavar="PORT",
              help="Speak MQTT over TCP at this port, too; over WebSocket it is always at /mqtt.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path),
              help="Where to keep state, if not PATH/.cloudlet.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing once it stops.")
@click.option("--durability", default="process", show_default=True, type=click.Choice(["process", "power"]),
              help="What an acknowledged write survives: the end of the process, or of the power.")
@click.option("--postgres", default="", metavar="DSN", help="Keep state in this PostgreSQL.")
@click.option("--parameter", multiple=True, metavar="KEY=VALUE", help="A parameter of the template.")
@click.option("--nearest-runtime", is_flag=True,
              help="Let an installed interpreter stand in for one that is not.")
@click.option("--debug", multiple=True, metavar="NAME[:PORT]",
              help="Let a function wait for an editor at PORT; nothing times out at its breakpoints.")
@click.option("--network", default="host", show_default=True, type=click.Choice(["host", "isolated"]),
              help="Of functions: this machine's, or one in which only the cloudlet answers.")
@click.option("--isolation", default="available", show_default=True,
              type=click.Choice(["available", "strict"]),
              help="Hold functions by every wall this machine has, or refuse to start if one is missing.")
@click.option("--broker", multiple=True, metavar="NAME=URL",
              help="Where a RabbitMQ is (amqp://HOST:PORT) that mappings know as the Amazon MQ broker NAME, "
                   "which may be an ARN.")
@click.option("--dynamodb-throughput", default="report", show_default=True,
              type=click.Choice(["report", "enforce"]),
              help="Only tell what tables consume, or throttle those that exceed their capacity.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON, one a line.")
def command(path: Path, port: int, host: str, credentials: Credentials | None, mqtt: int | None,
            data: Path | None, ephemeral: bool, durability: Durability, postgres: str,
            parameter: tuple[str, ...], nearest_runtime: bool, debug: tuple[str, ...], network: Network,
            isolation: Isolation, broker: tuple[str, ...], dynamodb_throughput: Literal["report", "enforce"],
            as_json: bool) -> None:
    """Start a cloudlet, deploy the application in PATH and watch it.

    A saved handler is live on the next request; a saved template is a stack update. Ctrl-C ends it.
    """
    if ephemeral and data:
        raise click.UsageError("--ephemeral keeps nothing, so there is no place for --data.")
    believed, token = credentials or believed_at(host), os.environ.get(TOKEN_VARIABLE, "")
    if believed == "known" and ephemeral and not (token or as_json):
        raise paper.fail("With --ephemeral, nobody could learn the root key that --credentials known makes.",
                         f"Choose a token and set {TOKEN_VARIABLE} to it, or leave out --ephemeral.")
    folder = None if ephemeral else (data or path / DATA_FOLDER).resolve()
    options = Options(data=folder, host=host, port=port, mqtt=mqtt, durability=durability, postgres=postgres,
                      nearest_runtime=nearest_runtime, network=network, isolation=isolation,
                      dynamodb_throughput=dynamodb_throughput, brokers=_brokers(broker),
                      credentials=believed, token=token)
    application = Wish(path.resolve(), paper.pairs(parameter), dict(wished(one) for one in debug))
    _allow_many_files()
    collect_rarely()
    _write_log()
    aside = Aside(report(as_json))
    try:
        uvloop.run(_run(application, options, aside))
    except (StoreError, IsolationError) as error:
        raise paper.fail(str(error)) from None
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        raise _no_door(error, host, *(("--mqtt", mqtt) if mqtt and f", {mqtt})" in str(error)
                                      else ("--port", port))) from None
    finally:
        aside.close()


def _brokers(given: tuple[str, ...]) -> dict[str, str]:
    """Where brokers are, by name or ARN."""
    found = paper.pairs(given)
    for name, url in found.items():
        if not url.startswith(("amqp://", "amqps://")):
            raise click.UsageError(f"--broker {name}={url}: the URL must begin with amqp:// or amqps://.")
    return found


class Wish(NamedTuple):
    """What to deploy."""

    path: Path
    parameters: dict[str, str]
    debugged: dict[str, int]  # ports by function; 0: the usual one


async def _run(wish: Wish, options: Options, report: Report) -> None:
    stop = _stop_signal()
    async with running(options) as cloudlet:
        report.tell({"event": "ready", "endpoint": cloudlet.kernel.use(Place).endpoint,
                     "port": cloudlet.port, "mqttPort": cloudlet.mqtt_port, "pid": os.getpid(),
                     "data": str(options.data or ""),
                     "token": cloudlet.token, "credentials": options.credentials,
                     "reachable": not is_loopback(options.host),
                     "startedMs": round(_since_start_ms())})
        notes = _leave_notes(cloudlet)
        try:
            await _serve(wish, cloudlet, report, stop)
        finally:
            for note in notes:
                note.unlink(missing_ok=True)
            report.tell({"event": "stopping"})
    report.tell({"event": "stopped"})


async def _serve(wish: Wish, cloudlet: Cloudlet, report: Report, stop: asyncio.Event) -> None:
    """Deploy and watch what is wished for until somebody says stop."""
    async def bring() -> Any:
        module = await asyncio.to_thread(import_module, "cloudlet.cli.live")
        return module.Live(cloudlet, report, wish.parameters, wish.debugged)

    async def answer(request: Request) -> Response:
        response: Response = await (await asyncio.shield(coming)).answer(request)
        return response

    coming = asyncio.create_task(bring())
    cloudlet.control.more["POST", "deploy"] = answer  # from the first moment: who is early waits
    live = await coming
    told = asyncio.create_task(_tell_isolation(cloudlet.options.network, report))
    cloudlet.kernel.guards.append(_tail(report))
    work = asyncio.create_task(live.run(wish.path, stop))
    await asyncio.wait((work, asyncio.create_task(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        work.cancel()  # a deployment that is under way goes on when the cloudlet starts again
    with suppress(asyncio.CancelledError):
        await work
    await told


async def _tell_isolation(network: Network, report: Report) -> None:
    """Say what functions are not kept from here; finding out takes a moment, and nothing waits for it."""
    missing = await asyncio.to_thread(weaknesses, network)
    report.tell({"event": "isolation", "network": network, "missing": missing})


def _tail(report: Report) -> Guard:
    """Tells what functions write, as it goes into their logs."""
    def guard(call: Invocation) -> Finish | None:
        if call.operation != "PutLogEvents" or call.principal.arn != "lambda.amazonaws.com":
            return None

        def written(error: AwsError | None) -> None:
            if error is None:
                for event in call.params["logEvents"]:
                    report.tell({"event": "log", "function": call.params["logGroupName"].rpartition("/")[2],
                                 "timestamp": event["timestamp"], "message": event["message"]})
        return written
    return guard


def _leave_notes(cloudlet: Cloudlet) -> list[Path]:
    """Write where the door is, and what opens it, into the data folder for the other commands."""
    if not cloudlet.options.data:
        return []
    notes = []
    for name, text in ((TOKEN_FILE, cloudlet.token), (ENDPOINT_FILE, cloudlet.kernel.use(Place).endpoint)):
        note = cloudlet.options.data / name
        beside = note.with_suffix(f".{os.getpid()}")
        beside.unlink(missing_ok=True)
        beside.touch(0o600, exist_ok=False)
        beside.write_text(text + "\n")
        beside.replace(note)
        notes.append(note)
    return notes


def _allow_many_files() -> None:
    """Take as many descriptors as this user may have: every connection of a function is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _stop_signal() -> asyncio.Event:
    """Set by Ctrl-C or SIGTERM; a second one ends the process at once."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return stop


def _write_log() -> None:
    """Warnings and errors of the cloudlet itself go to standard error."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr,
                        format="%(levelname)s %(name)s: %(message)s")


def _since_start_ms() -> float:
    """How old this process is; the kernel knows when it began, before Python did."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError):
        return time.process_time() * 1000
    return age_s * 1000


def _no_door(error: OSError, host: str, option: str, port: int) -> click.ClickException:
    if error.errno == errno.EADDRINUSE:
        return paper.fail(f"Port {port} of {host} is taken.",
                          "If that is another cloudlet, `cloudlet status` shows it; "
                          f"else choose another with {option} (0 takes a free one).")
    if error.errno == errno.EACCES:
        return paper.fail(f"Port {port} of {host} may not be opened by this user.",
                          f"Choose one above 1023 with {option}.")
    return paper.fail(f"This machine has no address {host}.", "Give one that it has with --host.")


"""The application of a running cloudlet: deployed, watched, and deployed again when asked.

Imported once the door is open: YAML, file watching and CloudFormation take longer to import than the
cloudlet takes to start.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from ..app import Cloudlet
from ..deploy import Application, DeployError, Outcome, Progress, deploy, find, urls_of, watch
from ..functions import Trial
from ..identity import root
from ..wire.http import Request, Response
from .debugging import port_of
from .remote import account_and_region
from .reports import Event, Report


class _Wish(msgspec.Struct):
    """What `cloudlet deploy` asks for."""

    path: str
    parameters: dict[str, str] = {}


class Live:
    """Keeps the stacks of a cloudlet what the templates say."""

    def __init__(self, cloudlet: Cloudlet, report: Report, parameters: Mapping[str, str],
                 debugged: Mapping[str, int]) -> None:
        self._cloudlet, self._report, self._parameters = cloudlet, report, parameters
        self._debugged = debugged
        account, self._region = account_and_region()
        self._principal = root(account)
        self._latest: Outcome | None = None
        self._turn = asyncio.Lock()

    async def run(self, path: Path, stop: asyncio.Event) -> None:
        """Deploy what is in ``path`` and watch it until somebody says stop."""
        try:
            application = _found(path, self._parameters)
        except DeployError as error:
            self._report.tell({"event": "failed", "message": str(error)})
            await stop.wait()
            return
        if application is None:
            self._report.tell({"event": "empty", "path": str(path)})
            await stop.wait()
            return
        await self._deploy_watched(application)
        await watch(application, files=lambda: self._latest, stop=stop, aside=self._cloudlet.folder,
                    code_changed=self._reload, template_changed=lambda: self._again(path))

    async def answer(self, request: Request) -> Response:
        """``POST /_cloudlet/deploy``: deploy a folder of this machine, telling what happens line by line."""
        try:
            wish = msgspec.json.decode(await request.read(1 << 16) or b"", type=_Wish)
            application = _found(Path(wish.path), wish.parameters)
        except (msgspec.DecodeError, DeployError) as error:
            return _refusal(str(error))
        if application is None:
            return _refusal(
                f"There is no template.yaml, template.yml, template.json or cdk.out in {wish.path}.")
        return Response(200, {"content-type": "application/x-ndjson"}, self._told(application))

    async def _told(self, application: Application) -> AsyncIterator[bytes]:
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        async def work() -> None:
            try:
                await self._deploy(application, _Queue(events))
            finally:
                events.put_nowait(None)

        task = asyncio.create_task(work())
        while (event := await events.get()) is not None:
            yield msgspec.json.encode(event) + b"\n"
        await task

    async def _again(self, path: Path) -> None:
        """The template was saved; so may samconfig.toml have been."""
        try:
            application = _found(path, self._parameters)
        except DeployError as error:
            self._report.tell({"event": "failed", "message": str(error), "watching": True})
            return
        if application:
            await self._deploy_watched(application)

    async def _deploy_watched(self, application: Application) -> None:
        outcome = await self._deploy(application, self._report, watching=True)
        self._latest = outcome or self._latest

    async def _reload(self, folder: Path) -> None:
        """A file of a function was saved: no worker with the old code takes another event."""
        self._cloudlet.pool.retire(lambda spec: spec.code == folder)
        self._report.tell({"event": "reloaded", "folder": str(folder)})

    async def _deploy(self, application: Application, report: Report, *,
                      watching: bool = False) -> Outcome | None:
        """Deploy, tell how it went, and give what came of it if anything did."""
        began = time.perf_counter()

        async def tell(progress: Progress) -> None:
            report.tell({"event": "progress", "stage": progress.stage, "text": progress.text,
                         "status": progress.status, "reason": progress.reason})

        async with self._turn:
            try:
                outcome = await deploy(self._cloudlet.kernel, application, principal=self._principal,
                                       region=self._region, tell=tell)
            except DeployError as error:
                report.tell({"event": "failed", "message": str(error), "watching": watching})
                return None
        if not outcome.ok:
            what = f"stack {outcome.stack_name}: {outcome.status}. {outcome.reason}".rstrip()
            failures = [{"logicalId": one.logical_id, "type": one.type, "reason": one.reason}
                        for one in outcome.failures]
            report.tell({"event": "failed", "message": what, "watching": watching, "failures": failures})
            return outcome
        debugging = [one async for one in self._debug(outcome)]
        report.tell({
            "event": "deployed", "stack": outcome.stack_name, "status": outcome.status,
            "action": outcome.action, "seconds": round(time.perf_counter() - began, 3),
            "outputs": outcome.outputs, "urls": await urls_of(
                self._cloudlet.kernel, self._principal, self._region, outcome.resources),
            "notices": [notice async for notice in self._stand_ins(outcome)],
            "resources": [{"logicalId": one.logical_id, "type": one.type, "physicalId": one.physical_id}
                          for one in outcome.resources]})
        for one in debugging:
            report.tell(one)
        return outcome

    async def _debug(self, outcome: Outcome) -> AsyncIterator[Event]:
        """Let the functions that are to be debugged wait for their editors."""
        for one in outcome.resources:
            wanted = self._debugged.get(one.logical_id, self._debugged.get(one.physical_id))
            if one.type == "AWS::Lambda::Function" and wanted is not None:
                told = await self._cloudlet.kernel.invoke(
                    self._principal, "lambda", "GetFunctionConfiguration", {"FunctionName": one.physical_id},
                    region=self._region)
                port = port_of(told["Runtime"], wanted)
                self._cloudlet.pool.attempt(one.physical_id, Trial(debug_port=port))
                yield {"event": "debug", "function": one.logical_id, "runtime": told["Runtime"], "port": port}

    async def _stand_ins(self, outcome: Outcome) -> AsyncIterator[str]:
        """Which functions run on another runtime than theirs (--nearest-runtime): it must not go unseen."""
        runtimes = self._cloudlet.pool.runtimes
        for one in outcome.resources:
            if one.type != "AWS::Lambda::Function" or not self._cloudlet.options.nearest_runtime:
                continue
            told = await self._cloudlet.kernel.invoke(
                self._principal, "lambda", "GetFunctionConfiguration", {"FunctionName": one.physical_id},
                region=self._region)
            asked = told.get("Runtime", "")
            serving = runtimes.serving(asked) if asked else ""
            if serving != asked:
                yield f"{one.logical_id} asks for {asked}, which is not installed, and runs on {serving}"


def _found(path: Path, parameters: Mapping[str, str]) -> Application | None:
    """The application in ``path``, with parameters that win over what samconfig.toml says."""
    application = find(path)
    if application is None or not parameters:
        return application
    return msgspec.structs.replace(application, parameters={**application.parameters, **parameters})


class _Queue:
    """A report that is sent to whoever asked."""

    def __init__(self, events: asyncio.Queue[Event | None]) -> None:
        self._events = events

    def tell(self, event: Event) -> None:
        self._events.put_nowait(event)


def _refusal(message: str) -> Response:
    return Response(400, {"content-type": "application/json"}, msgspec.json.encode({"message": message}))

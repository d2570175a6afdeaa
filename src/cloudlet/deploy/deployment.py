"""Deploying an application: a stack is created or updated through the kernel, as any client would.

An application that is as it was is recognised by its template's text, so that starting a cloudlet again
costs nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import AwsError
from ..identity import Principal
from ..kernel import Kernel
from ..kernel.call import first_of
from ..kernel.folders import allow
from ..stacks.document import text_of
from ..stacks.execution import bell_of
from ..store import Blobs, Writer
from .application import Application
from .assembly import bootstrap, publish
from .assets import Assets, envelope, prepare
from .building import Builder
from .enclosures import refer
from .problems import DeployError

_BLOB = "cloudlet-blob:"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_GOOD = frozenset(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
_HOPELESS = frozenset(
    ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")
)
_NO_CHANGES = "The submitted information didn't contain changes."


class Progress(msgspec.Struct, frozen=True):
    """Something that happened on the way; ``status`` and the ids are a resource's, where it is about one."""

    stage: Literal["build", "deploy", "resource"]
    text: str
    logical_id: str = ""
    type: str = ""
    status: str = ""
    reason: str = ""


class Resource(msgspec.Struct, frozen=True):
    """One resource of the deployed stack."""

    logical_id: str
    type: str
    physical_id: str
    status: str


class Outcome(msgspec.Struct):
    """What came of a deployment. ``action`` is ``none`` if nothing had changed."""

    stack_name: str
    stack_id: str
    status: str
    action: Literal["none", "create", "update"]
    outputs: dict[str, str] = {}
    resources: list[Resource] = []
    failures: list[Progress] = []
    reason: str = ""
    code: set[Path] = set()
    files: set[Path] = set()

    @property
    def ok(self) -> bool:
        """Whether the stack is now what the template says."""
        return self.status in _GOOD


Tell = Callable[[Progress], Awaitable[None]]


async def deploy(
    kernel: Kernel,
    application: Application,
    *,
    principal: Principal,
    region: str = "us-east-1",
    tell: Tell | None = None,
) -> Outcome:
    """Let the stack be what the template says; :class:`DeployError` if that is not even begun."""
    return await _Deployment(kernel, application, principal, region, tell or _nobody).run()


async def _nobody(progress: Progress) -> None:
    """Tell nobody."""


class _Deployment:
    def __init__(
        self, kernel: Kernel, application: Application, principal: Principal, region: str, tell: Tell
    ) -> None:
        self._kernel, self._application, self._tell = kernel, application, tell
        self._principal, self._region = principal, region
        self._files: dict[str, Writer] = {}  # templates among the blobs

    async def run(self) -> Outcome:
        application = self._application
        builder = Builder(application.home, lambda text: self._tell(Progress("build", text)))
        try:
            assets = await prepare(application.template, builder, self._keep)
        except AwsError as error:
            raise DeployError(f"{application.template}: {error}") from None
        await allow(self._kernel.store, {*assets.code, application.home})
        await bootstrap(self._ask, assets.document.body)
        await publish(self._ask, assets.published, self._principal.account, self._region)
        stack = await self._stack()
        if stack is not None and stack["StackStatus"] in _HOPELESS:
            await self._tell(
                Progress(
                    "deploy",
                    f"removing the stack {application.stack_name}, which is in {stack['StackStatus']}",
                )
            )
            seen = await self._newest(stack["StackId"])
            asked = asyncio.ensure_future(self._invoke("DeleteStack", StackName=stack["StackId"]))
            await self._follow(stack["StackId"], seen, asked)
            stack = None
        if stack is not None and await self._unchanged(stack, assets):
            return await self._outcome(stack["StackId"], "none", assets, [])
        return await self._change(stack, assets)

    async def _change(self, stack: dict[str, Any] | None, assets: Assets) -> Outcome:
        """Plan the change, show the plan, and carry it out."""
        application, action = self._application, "create" if stack is None else "update"
        change_set = await self._plan(assets, "CREATE" if stack is None else "UPDATE")
        if change_set["Status"] == "FAILED":
            if stack is None:
                await self._invoke("DeleteStack", StackName=change_set["StackId"])
            else:
                await self._invoke("DeleteChangeSet", ChangeSetName=change_set["ChangeSetId"])
            if stack is not None and change_set["StatusReason"].startswith(_NO_CHANGES):
                return await self._outcome(stack["StackId"], "none", assets, [])
            raise DeployError(f"{application.template}: {change_set['StatusReason']}")
        await self._tell(
            Progress("deploy", f"{action} {application.stack_name}: {_counted(change_set['Changes'])}")
        )
        stack_id = change_set["StackId"]
        seen = await self._newest(stack_id)
        asked = asyncio.ensure_future(
            self._invoke("ExecuteChangeSet", ChangeSetName=change_set["ChangeSetId"])
        )
        failures = await self._follow(stack_id, seen, asked)
        return await self._outcome(stack_id, "create" if stack is None else "update", assets, failures)

    async def _plan(self, assets: Assets, kind: str) -> dict[str, Any]:
        application = self._application
        template = self._keep(envelope(assets.document, application.template.name))
        await refer(self._kernel, self._principal, self._region, application.stack_name, [*self._files])
        tags = [{"Key": key, "Value": value} for key, value in application.tags.items()]
        try:
            made = await self._invoke(
                "CreateChangeSet",
                StackName=application.stack_name,
                ChangeSetType=kind,
                ChangeSetName=f"cloudlet-{self._kernel.ids.hex(12)}",
                TemplateURL=template,
                Capabilities=_CAPABILITIES,
                Tags=tags,
                Parameters=self._parameters(assets),
            )
            return await self._invoke("DescribeChangeSet", ChangeSetName=made["Id"])
        except AwsError as error:
            raise DeployError(f"{application.template}: {error}") from None

    def _parameters(self, assets: Assets) -> list[dict[str, str]]:
        """The overrides that the template knows; samconfig.toml may name more."""
        declared = assets.document.body.get("Parameters") or {}
        return [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in self._application.parameters.items()
            if key in declared
        ]

    def _keep(self, content: bytes) -> str:
        writer = self._kernel.use(Blobs).write()
        writer.add(content)
        name = writer.keep()
        self._files[name] = writer
        return _BLOB + name

    async def _invoke(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self._ask("cloudformation", operation, **params)

    async def _ask(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        return await self._kernel.invoke(self._principal, service, operation, params, region=self._region)

    async def _stack(self) -> dict[str, Any] | None:
        try:
            found = await self._invoke("DescribeStacks", StackName=self._application.stack_name)
        except AwsError:
            return None
        return dict(found["Stacks"][0])

    async def _unchanged(self, stack: dict[str, Any], assets: Assets) -> bool:
        if stack["StackStatus"] not in _GOOD:
            return False
        found = await self._invoke("GetTemplate", StackName=stack["StackId"])
        if found["TemplateBody"] != msgspec.json.encode(assets.document.body).decode():
            return False
        if {tag["Key"]: tag["Value"] for tag in stack["Tags"]} != self._application.tags:
            return False
        declared = assets.document.body.get("Parameters") or {}
        if any(
            str(spec.get("Type", "")).startswith("AWS::SSM::") or spec.get("NoEcho")
            for spec in declared.values()
        ):
            return False  # what it stands for may have changed
        wanted = {
            name: self._application.parameters.get(name, text_of(spec.get("Default", "")))
            for name, spec in declared.items()
        }
        return wanted == {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}

    async def _newest(self, stack_id: str) -> str:
        found = (await self._invoke("DescribeStackEvents", StackName=stack_id))["StackEvents"]
        return str(found[0]["EventId"]) if found else ""

    async def _follow(self, stack_id: str, seen: str, asked: "asyncio.Task[Any]") -> list[Progress]:
        """Tell what happens until ``asked`` is answered and the stack at rest; what failed comes back."""
        failures: list[Progress] = []
        ear = self._kernel.store.listen(bell_of(stack_id))
        try:
            while True:
                answered = asked.done()
                status = (await self._invoke("DescribeStacks", StackName=stack_id))["Stacks"][0][
                    "StackStatus"
                ]
                for event in await self._news(stack_id, seen):
                    seen = event["EventId"]
                    progress = Progress(
                        "resource",
                        f"{event['LogicalResourceId']} {event['ResourceStatus']}",
                        event["LogicalResourceId"],
                        event["ResourceType"],
                        event["ResourceStatus"],
                        event.get("ResourceStatusReason", ""),
                    )
                    if progress.status.endswith("_FAILED"):
                        failures.append(progress)
                    await self._tell(progress)
                if answered and not status.endswith("_IN_PROGRESS"):
                    asked.result()
                    return failures
                await first_of(ear.wait(), *([] if answered else [asyncio.shield(asked)]))
        except AwsError as error:
            raise DeployError(f"{self._application.template}: {error}") from None
        finally:
            asked.cancel()
            ear.close()

    async def _news(self, stack_id: str, seen: str) -> list[dict[str, Any]]:
        """The events since the one called ``seen``, the oldest first."""
        news: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = await self._invoke("DescribeStackEvents", StackName=stack_id, **token)
            for event in page["StackEvents"]:
                if event["EventId"] == seen:
                    return news[::-1]
                news.append(event)
            if not page.get("NextToken"):
                return news[::-1]
            token = {"NextToken": page["NextToken"]}

    async def _outcome(
        self,
        stack_id: str,
        action: Literal["none", "create", "update"],
        assets: Assets,
        failures: list[Progress],
    ) -> Outcome:
        stack = (await self._invoke("DescribeStacks", StackName=stack_id))["Stacks"][0]
        resources = (await self._invoke("DescribeStackResources", StackName=stack_id))["StackResources"]
        return Outcome(
            stack["StackName"],
            stack_id,
            stack["StackStatus"],
            action,
            {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())},
            [
                Resource(
                    one["LogicalResourceId"],
                    one["ResourceType"],
                    one.get("PhysicalResourceId", ""),
                    one["ResourceStatus"],
                )
                for one in resources
            ],
            failures,
            stack.get("StackStatusReason", ""),
            assets.code,
            assets.files,
        )


def _counted(changes: list[dict[str, Any]]) -> str:
    actions = [change["ResourceChange"]["Action"] for change in changes]
    said = [
        f"{actions.count(action)} to {verb}"
        for action, verb in (("Add", "add"), ("Modify", "change"), ("Remove", "remove"))
        if action in actions
    ]
    return ", ".join(said) or "outputs only"

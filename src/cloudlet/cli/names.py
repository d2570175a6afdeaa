"""What a person calls a function: its name, its logical id in a template, or its ARN."""

from collections.abc import Iterator
from xml.etree import ElementTree

import msgspec

from .remote import Refusal, Remote


class Resource(msgspec.Struct, frozen=True):
    """A resource of a stack."""

    stack: str
    logical_id: str
    physical_id: str
    type: str
    status: str


class Stack(msgspec.Struct, frozen=True):
    """A stack, and what it gives out."""

    name: str
    status: str
    outputs: dict[str, str]


def stacks(remote: Remote) -> Iterator[Stack]:
    """The stacks that there are."""
    for answer in _pages(remote, "DescribeStacks"):
        for one in answer.iterfind("./DescribeStacksResult/Stacks/member"):
            outputs = {output.findtext("OutputKey", ""): output.findtext("OutputValue", "")
                       for output in one.iterfind("Outputs/member")}
            yield Stack(one.findtext("StackName", ""), one.findtext("StackStatus", ""), outputs)


def resources(remote: Remote, stack: str) -> Iterator[Resource]:
    """What a stack is made of."""
    for answer in _pages(remote, "ListStackResources", StackName=stack):
        for one in answer.iterfind("./ListStackResourcesResult/StackResourceSummaries/member"):
            yield Resource(stack, *(one.findtext(name, "") for name in (
                "LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus")))


def function_name(remote: Remote, name: str) -> str:
    """The function that is meant; what is no function's name is looked for among the stacks' logical ids."""
    if name.startswith("arn:"):
        return name
    try:
        remote.rest("lambda", "GET", f"/2015-03-31/functions/{name}")
    except Refusal as refusal:
        if refusal.status != 404:
            raise
    else:
        return name
    try:
        found = next((one.physical_id for stack in stacks(remote) for one in resources(remote, stack.name)
                      if one.logical_id == name and one.type == "AWS::Lambda::Function"), name)
    except Refusal:
        return name
    return found


def _pages(remote: Remote, action: str, **params: str) -> Iterator[ElementTree.Element]:
    token = ""
    while True:
        answer = remote.query("cloudformation", action, **params, **({"NextToken": token} if token else {}))
        yield answer
        token = answer.findtext(".//NextToken", "")
        if not token:
            return

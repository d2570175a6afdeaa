"""Stacks for the stories."""

import importlib.util
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("cloudformation_toys", Path(__file__).with_name("toys.py"))


@pytest.fixture(scope="module")
def toys():
    """Toy resource types, and what was done to them; they are taken away again."""
    module = importlib.util.module_from_spec(_SPEC)
    sys.modules["cloudformation_toys"] = module
    before = dict(module_of_service().resources)
    _SPEC.loader.exec_module(module)
    yield module
    module_of_service().resources = before


def module_of_service():
    """The service, which is imported late: it belongs to a running cloudlet."""
    return importlib.import_module("cloudlet.services.cloudformation").service


@pytest.fixture
def deeds(toys):
    """What is done to toys from here on."""
    toys.DEEDS.clear()
    return toys.DEEDS


@pytest.fixture
def stacks(cloudlet, toys):
    """A CloudFormation client, and shortcuts."""
    return Stacks(cloudlet.client("cloudformation"))


class Stacks:
    """What the stories say often."""

    def __init__(self, client):
        self.client = client

    def status(self, name):
        return self.client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def events(self, name, since="CREATE_IN_PROGRESS"):
        """Logical ids and statuses since the stack was last in that status, the oldest first."""
        found = []
        for event in self.client.describe_stack_events(StackName=name)["StackEvents"]:
            found.append((event["LogicalResourceId"], event["ResourceStatus"]))
            if event["PhysicalResourceId"] == event["StackId"] and event["ResourceStatus"] == since:
                break
        return found[::-1]

    def resources(self, name):
        """Physical ids by logical id."""
        return {
            r["LogicalResourceId"]: r.get("PhysicalResourceId")
            for r in self.client.describe_stack_resources(StackName=name)["StackResources"]
        }

    def outputs(self, name):
        return {
            o["OutputKey"]: o["OutputValue"]
            for o in self.client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", ())
        }

"""The examples of workflows pass their own tests, and can be drawn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudlet.cli import diagram, workflow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", ["orders-saga", "orders-choreography", "fan-out", "async-http"])
def test_the_examples_own_tests_pass(name, tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST_"))}
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-c", os.devnull, "--rootdir",
         EXAMPLES / name, EXAMPLES / name],
        capture_output=True, text=True, timeout=110, env=environment, cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("name", ["orders-saga", "fan-out", "async-http"])
def test_their_state_machines_can_be_drawn(name):
    _, tree = workflow.definition_in(EXAMPLES / name / "template.yaml", "")
    assert all(f'"{state}"' in diagram.dot(tree) or f"cluster {state}" in diagram.dot(tree)
               for state in tree["States"])

"""The example tells its story, and all of it is true."""

import os
import subprocess
import sys
from pathlib import Path

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def test_the_shop_opens_and_everything_its_demo_shows_is_true():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    told = subprocess.run([sys.executable, SHOP / "demo.py", "--once"], capture_output=True, text=True,
                          timeout=110, env=environment)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "All of it happened." in told.stdout


def test_the_shops_own_tests_pass(tmp_path):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))
    }
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "-c",
            os.devnull,
            "--rootdir",
            SHOP,
            SHOP,
        ],
        capture_output=True,
        text=True,
        timeout=110,
        env=environment,
        cwd=tmp_path,
    )
    assert told.returncode == 0, told.stdout + told.stderr

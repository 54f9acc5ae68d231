"""`make demo-platform`: the three blueprints together, one of them killed on the way."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo_platform"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"operations succeeded +200 of 200\n", done.stdout)
    assert re.search(r"notifications +201, one for each item\n", done.stdout)
    assert re.search(r"dead letters +0\n", done.stdout)

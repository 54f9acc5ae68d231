"""Every command of the README runs, as it stands there."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .blueprint.conftest import ROOT, clone_of_repository

PATIENCE_S = 60.0

SEE, COPY, HELLO = re.findall(
    r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)


def commands(block: str) -> list[str]:
    return [line.split("#")[0].strip() for line in block.splitlines()]


def test_the_two_commands_are_run_by_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in commands(SEE):
        assert re.search(rf"^{command}\b", ci, re.MULTILINE), f"`{command}` is not run by .ci/run"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of this repository as it lies here, with its environment."""
    clone = clone_of_repository(tmp_path / "axion")
    (clone / ".venv").symlink_to(ROOT / ".venv")
    return clone


def git_environment() -> dict[str, str]:
    """An environment in which Git commits on a machine that knows nobody."""
    who = {"NAME": "Ada", "EMAIL": "ada@example.org"}
    names = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    return {**os.environ, **names}


@pytest.fixture
def running(clone: Path) -> Iterator[Path]:
    """The service that the README's commands make, running as they run it."""
    *before, run = commands(COPY)
    assert run == "make run"
    script = "\n".join(("set -eu", *before))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone,
        env=git_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    service = clone.parent / "my-service"
    with (clone.parent / "run.log").open("w+") as log:
        process = subprocess.Popen(
            run.split(), cwd=service, stdout=log, stderr=log, start_new_session=True
        )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while "reading item.commands" not in (text := Path(log.name).read_text()):
                assert process.poll() is None, f"`make run` has ended:\n{text}"
                assert time.monotonic() < deadline, f"`make run` does not get ready:\n{text}"
                time.sleep(0.1)
            yield service
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def test_a_service_in_five_minutes(running: Path) -> None:
    (hello,) = commands(HELLO)
    said = subprocess.run(
        hello.split(), cwd=running, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "succeeded" in said.stdout

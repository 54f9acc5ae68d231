"""First steps of `docs/runtime.md`: the program runs on the broker, with the variables given."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..generator.generating import package
from .blocks import ROOT, commands, of_page
from .test_samples import DOCUMENT

PATIENCE_S = 30.0

PAGE = list(of_page(ROOT / "docs" / "runtime.md"))
(PROGRAM,) = (block.text for block in PAGE if "def main()" in block.text)
(BROKER, VARIABLES) = (
    command for block in PAGE if block.language == "sh" for command in commands(block)
)


@pytest.fixture
def port() -> int:
    """A free one in place of Kafka's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path, port: int) -> Iterator[Path]:
    """The package and the program, and the broker running."""
    package(tmp_path, DOCUMENT, "items")
    (tmp_path / "main.py").write_text(PROGRAM)
    python, *arguments = shlex.split(BROKER)
    assert python == "python"
    broker = subprocess.Popen(
        [sys.executable, *arguments, "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert broker.stdout is not None
    assert str(port) in broker.stdout.readline()
    yield tmp_path
    broker.send_signal(signal.SIGINT)
    assert broker.wait(PATIENCE_S) == 0


def test_it_runs_and_ends_when_told(folder: Path, port: int) -> None:
    assert VARIABLES.startswith("export ")
    variables = dict(
        word.split("=", 1) for word in VARIABLES.replace("9092", str(port)).split() if "=" in word
    )
    log = folder / "log"
    with log.open("w") as stderr:
        service = subprocess.Popen(
            [sys.executable, "main.py"], cwd=folder, env={**os.environ, **variables}, stderr=stderr
        )
    deadline = time.monotonic() + PATIENCE_S
    while not re.search("reading .*item.commands", log.read_text()):
        assert service.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    service.send_signal(signal.SIGTERM)
    assert service.wait(PATIENCE_S) == 0, log.read_text()

"""`--watch`: a run for each change, whatever state the document is in."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .generating import axion_gen, small

PATIENCE_S = 30


class Watcher:
    """A command that watches, and what it says."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._seen = b""

    def said(self, *words: str) -> str:
        """What it says from now to the last of some words, all of them in it in this order."""
        assert self.process.stdout is not None
        until = time.monotonic() + PATIENCE_S
        while True:
            text, at = self._seen.decode(), 0
            for word in words:
                at = text.find(word, at)
                if at < 0:
                    break
                at += len(word)
            else:
                self._seen = text[at:].encode()
                return text[:at]
            left = until - time.monotonic()
            assert left > 0, text
            if select.select([self.process.stdout], [], [], left)[0]:
                part = os.read(self.process.stdout.fileno(), 65536)
                assert part, text
                self._seen += part


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watcher]:
    """Run the command in a folder, and end it as Ctrl-C does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "axion_gen", "--watch", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Watcher(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        assert b"Traceback" not in process.stdout.read()
        process.stdout.close()


def test_each_change_is_generated_and_no_bad_document_ends_it(tmp_path: Path) -> None:
    document, schema = tmp_path / "asyncapi.yaml", tmp_path / "thing.yaml"
    document.write_text(small(payload="{$ref: ./thing.yaml}"))
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[tool.axion-gen]\ndocument = 'asyncapi.yaml'\noutput = 'bus'\n")
    messages = tmp_path / "bus" / "messages.py"
    with watching(tmp_path) as watcher:
        # The file it refers to is not there yet.
        watcher.said("error[file-missing]", "watching 3 files")
        schema.write_text("type: object\nproperties: {size: {type: integer}}\n")
        watcher.said("written    bus", "watching 3 files")
        assert "size" in messages.read_text()
        schema.write_text("type: object\nproperties: {size: {type: integre}}\n")
        watcher.said("thing.yaml:2:", "error[schema-keyword]", "watching 3 files")
        assert "size" in messages.read_text()
        # As editors do it: another file takes the name.
        (tmp_path / "new").write_text("type: object\nproperties: {weight: {type: integer}}\n")
        (tmp_path / "new").replace(schema)
        watcher.said("written    bus", "watching 3 files")
        assert "weight" in messages.read_text()
        document.write_text(small(payload="{type: object, properties: {"))
        watcher.said("error[syntax]", "watching 2 files")
        document.write_text(small(payload="{type: object, properties: {age: {type: integer}}}"))
        watcher.said("written    bus", "watching 2 files")
        assert "age" in messages.read_text()
        pyproject.write_text("[tool.axion-gen]\ndocument = 'asyncapi.yaml'\noutput = 3\n")
        watcher.said("error pyproject.toml: `output`", "watching 1 file;")
        pyproject.write_text("[tool.axion-gen]\ndocument = 'asyncapi.yaml'\noutput = 'other'\n")
        watcher.said("written    other", "watching 2 files")
        document.unlink()
        watcher.said("error[file-missing]", "watching 2 files")
        document.write_text(small())
        watcher.said("written    other", "watching 2 files")


def test_where_there_is_nothing_to_watch_it_does_not_wait(tmp_path: Path) -> None:
    answer = axion_gen("--watch", cwd=tmp_path)
    assert (answer.code, "which document?" in answer.err) == (2, True)


def test_a_package_that_was_edited_waits_for_its_user(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(small())
    with watching(tmp_path, "asyncapi.yaml", "--output", "bus") as watcher:
        watcher.said("written    bus", "watching 1 file;")
        (tmp_path / "bus" / "topics.py").write_text("# mine\n")
        document.write_text(small(message="description: Made."))
        watcher.said("topics.py", "--overwrite", "watching")
        assert (tmp_path / "bus" / "topics.py").read_text() == "# mine\n"


def test_ctrl_c_during_a_run_is_130_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(small())
    held = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # as another run does it
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "axion_gen", "asyncapi.yaml", "--output", "bus"],
        cwd=tmp_path,
        stdout=side,
        stderr=side,
        env={**os.environ, "TERM": "xterm"},
    )
    seen = b""
    while b"waiting for another run that writes bus" not in seen:
        assert select.select([main], [], [], PATIENCE_S)[0]
        seen += os.read(main, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    for descriptor in (held, main, side):
        os.close(descriptor)
    assert [path.name for path in tmp_path.iterdir()] == ["asyncapi.yaml"]

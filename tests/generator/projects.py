"""A project with a contract in a folder of its own, as a service has it."""

import shutil
import subprocess
import sys
from pathlib import Path

from .generating import ITEMS, Answer
from .generating import axion_gen as run

PROJECT = "[tool.axion-gen]\noutput = 'src/items/bus'\n"


def project(folder: Path, settings: str = "") -> Path:
    """The project, not generated yet."""
    (folder / "pyproject.toml").write_text(PROJECT + settings)
    (folder / "api").mkdir()
    shutil.copy(ITEMS, folder / "api" / "asyncapi.yaml")
    return folder


def generated(folder: Path, settings: str = "") -> Path:
    """The same, generated, its `items` a package."""
    project(folder, settings)
    assert run("api/asyncapi.yaml", cwd=folder).code == 0
    (folder / "src" / "items" / "__init__.py").touch()
    return folder


def own_check(folder: Path) -> Answer:
    """The generated package's own check, with nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import runpy, sys; sys.path.insert(0, 'src');"
         " sys.argv = ['bus', 'check']; runpy.run_module('items.bus', run_name='__main__')"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def change(document: Path, old: str, new: str) -> None:
    """Change a document in one place."""
    text = document.read_text(encoding="utf-8")
    assert text.count(old) == 1, (old, text.count(old))
    document.write_text(text.replace(old, new), encoding="utf-8")

"""The hooks for pre-commit: what they run, and pre-commit itself running them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .generating import ITEMS
from .generating import axion_gen as run
from .projects import change

REPOSITORY = Path(__file__).parents[2]
MANIFEST = REPOSITORY / ".pre-commit-hooks.yaml"
SETTINGS = "[tool.axion-gen]\ndocument = 'asyncapi.yaml'\noutput = 'src/items/bus'\n"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    service = tmp_path / "service"
    service.mkdir()
    (service / "pyproject.toml").write_text(SETTINGS)
    shutil.copy(ITEMS, service / "asyncapi.yaml")
    return service


def test_what_the_hooks_run_is_the_command(service: Path) -> None:
    hooks: list[dict[str, Any]] = yaml.safe_load(MANIFEST.read_text())
    assert [hook["id"] for hook in hooks] == ["axion-gen", "axion-gen-check"]
    for hook in hooks:
        assert (hook["language"], hook["pass_filenames"]) == ("python", False)
        for file in ("api/orders.yml", "Order.avsc", "pyproject.toml", "src/items/kafka/client.py"):
            assert re.search(hook["files"], file)
        assert not re.search(hook["files"], "README.md")
        name, *arguments = shlex.split(hook["entry"])
        assert name == "axion-gen"
        assert run(*arguments, cwd=service).code == 0


@pytest.mark.slow
def test_pre_commit_runs_them(service: Path, tmp_path: Path) -> None:
    source = committed(tmp_path / "axion")
    (service / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {source}\n  rev: {git(source, 'rev-parse', 'HEAD').strip()}\n"
        "  hooks: [{id: axion-gen}, {id: axion-gen-check}]\n"
    )
    git(service, "init", "--quiet")
    git(service, "add", "--all")
    # The package is made; files that git does not know yet are no change to pre-commit.
    assert pre_commit(service).returncode == 0
    git(service, "add", "--all")
    assert pre_commit(service).returncode == 0
    change(service / "asyncapi.yaml", "Create an item.", "Make an item.")
    git(service, "add", "--all")
    done = pre_commit(service)
    assert done.returncode == 1
    assert "files were modified by this hook" in done.stdout
    assert "Make an item." in (service / "src" / "items" / "bus" / "messages.py").read_text()


def committed(folder: Path) -> Path:
    """This repository as it is, in a commit of another one."""
    for name in git(REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "As it is")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def pre_commit(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PRE_COMMIT_HOME": str(folder.parent / "cache")},
    )

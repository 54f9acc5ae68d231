"""A clone of this repository as a template, and a service copied from it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MYPY_CACHE = ROOT / ".cache" / "mypy-services"  # what libraries say of themselves, read once

Finished = subprocess.CompletedProcess[str]

# A make that runs the tests leaves its own state behind, and the makes within would obey it.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)


def run(*command: str | Path, cwd: Path, **environment: str) -> Finished:
    """Run a command to its end; what it said is in the result, whatever its exit code."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def git(folder: Path, *arguments: str) -> str:
    """Run git, which must succeed."""
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = run("git", *author, *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(folder: Path, message: str, tag: str | None = None) -> None:
    """Commit everything in a folder; a new repository if it is none yet."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(folder, "tag", tag)


def copier(command: str, *arguments: str | Path, cwd: Path, **environment: str) -> Finished:
    """Run Copier as a user does who asks for nothing."""
    options = ("--trust", "--defaults")
    program = (sys.executable, "-m", "copier", command)
    return run(*program, *options, *arguments, cwd=cwd, **environment)


def copy(
    template: Path, to: Path, answers: Mapping[str, str] | None = None, version: str | None = None
) -> Path:
    """Copy a service, of the newest version if no other is named; which must succeed."""
    data = [f"--data={name}={value}" for name, value in (answers or {}).items()]
    ref = () if version is None else ("--vcs-ref", version)
    done = copier("copy", *data, *ref, template, to, cwd=to.parent)
    assert done.returncode == 0, done.stderr
    return to


def in_service(service: Path, *command: str | Path) -> Finished:
    """Run a command in a service, which is not installed and borrows this environment."""
    return run(*command, cwd=service, PYTHONPATH="src", MYPY_CACHE_DIR=str(MYPY_CACHE))


def make(service: Path, *arguments: str) -> Finished:
    """Run make in a service, with this environment in place of its own."""
    installed = service / ".venv" / "installed"
    installed.parent.mkdir(exist_ok=True)
    installed.touch()
    return in_service(service, "make", f"BIN={BIN}", *arguments)


def clone_of_repository(to: Path, tag: str = "v0.1.0") -> Path:
    """This repository as it lies here, what is not committed included, at a tag."""
    git(to.parent, "clone", "--quiet", "--no-tags", str(ROOT), str(to))
    changed = git(ROOT, "ls-files", "-z", "--modified", "--others", "--exclude-standard")
    for name in filter(None, changed.split("\0")):
        source, target = ROOT / name, to / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    commit(to, "As it lies here", tag=tag)
    return to


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the repository that no test changes."""
    return clone_of_repository(tmp_path_factory.mktemp("template") / "axion")


@pytest.fixture(scope="session")
def service(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service copied with the defaults, which no test changes."""
    folder = copy(template, tmp_path_factory.mktemp("copied") / "items")
    commit(folder, "Copy items")
    return folder

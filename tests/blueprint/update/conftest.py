"""The template with its history, and services copied from each version of it."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
import yaml
from _pytest.mark import ParameterSet

from ..conftest import clone_of_repository, commit, copier, copy, git
from ..releases import RELEASES, at, blueprints, here, present, whole

NOW = "v999.0.0"
"""The template as it lies here, as if it were released."""
LATER = "v999.1.0"
"""A release after it, for blueprints that no release has yet."""


class Copied(Protocol):
    """Copies a service of a blueprint at a version, with every file that it may have."""

    def __call__(self, blueprint: str, version: str, asked: str | None = None) -> Path:
        """Where it is; `asked` is the version whose questions were answered, if another."""


def starts() -> list[ParameterSet]:
    """Each blueprint with each version that has it, and the version to update to.

    Those before the last are for `make test-slow`.
    """
    known = [version for version, commit in RELEASES.items() if present(commit)]
    found = []
    for blueprint in blueprints(here):
        versions = [v for v in known if blueprint in blueprints(at(RELEASES[v]))]
        for version in versions or [NOW]:
            marks = [pytest.mark.slow] if version in versions[:-1] else []
            target = NOW if versions else LATER
            found.append(pytest.param(blueprint, version, target, marks=marks))
    return found


def each(*others: str) -> pytest.MarkDecorator:
    """For a test of `downstream`: the crud-service, and others for `make test-slow`."""
    slow = [pytest.param(other, marks=pytest.mark.slow) for other in others]
    return pytest.mark.parametrize("blueprint", ["crud-service", *slow])


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def update(service: Path, version: str | None = None) -> None:
    """Update a service, which must succeed."""
    ref = () if version is None else ("--vcs-ref", version)
    done = copier("update", *ref, cwd=service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def unmerged(service: Path) -> list[str]:
    """The paths in conflict."""
    lines = git(service, "ls-files", "--unmerged").splitlines()
    return list(dict.fromkeys(line.partition("\t")[2] for line in lines))


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with a tag for each version: the released ones, NOW and LATER."""
    template = clone_of_repository(tmp_path_factory.mktemp("history") / "axion", tag=NOW)
    for version, released in RELEASES.items():
        if present(released):
            git(template, "tag", version, released)
    append(template / "template" / "Makefile.jinja", "\n# A later release.\n")
    runtime = template / "generator" / "axion_gen" / "runtime"
    append(runtime / "identifiers.py", "\nRELEASE = 'later'\n")
    commit(template, "A later release", tag=LATER)
    return template


@pytest.fixture(scope="session")
def copied_once(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Copied:
    """Services that no test changes."""
    folder = tmp_path_factory.mktemp("services")

    def copied(blueprint: str, version: str, asked: str | None = None) -> Path:
        released = RELEASES.get(asked or version)
        known = here if released is None else at(released)
        answers = {"blueprint": blueprint, "service_name": "items", **whole(blueprint, known)}
        to = folder / "-".join([version, *answers.values()])
        if not to.exists():
            copy(history, to, answers, version)
            commit(to, f"Copy {blueprint}")
        return to

    return copied


@pytest.fixture
def copied(copied_once: Copied, tmp_path: Path) -> Copied:
    """Services for the test to change."""

    def fresh(blueprint: str, version: str, asked: str | None = None) -> Path:
        return Path(shutil.copytree(copied_once(blueprint, version, asked), tmp_path / "items"))

    return fresh


@pytest.fixture
def upstream(template: Path, tmp_path: Path) -> Path:
    """The template at v0.1.0, for the test to release anew."""
    clone = tmp_path / "axion"
    git(tmp_path, "clone", "--quiet", str(template), str(clone))
    return clone


@pytest.fixture
def blueprint() -> str:
    """What `downstream` is, where a test names no others by `each`."""
    return "crud-service"


@pytest.fixture(scope="session")
def first(
    template: Path, service: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A service of a blueprint copied at v0.1.0, which no test changes."""

    @cache
    def copied(blueprint: str) -> Path:
        if blueprint == "crud-service":
            return service
        answers = {"blueprint": blueprint, "service_name": "items"}
        folder = copy(template, tmp_path_factory.mktemp("first") / "items", answers)
        commit(folder, "Copy items")
        return folder

    return copied


@pytest.fixture
def downstream(
    first: Callable[[str], Path], blueprint: str, upstream: Path, tmp_path: Path
) -> Path:
    """A service copied from it at v0.1.0, committed."""
    folder = Path(shutil.copytree(first(blueprint), tmp_path / "items"))
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    replace(folder / ".copier-answers.yml", answers["_src_path"], str(upstream))
    git(folder, "commit", "--quiet", "--all", "--amend", "--no-edit")
    return folder

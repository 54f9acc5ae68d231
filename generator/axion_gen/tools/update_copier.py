"""Copier, for `axion update`: the command as its user has it, and its errors in plain words."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from .update_errors import UpdateError
from .update_git import Repository

ANSWERS: Final = ".copier-answers.yml"
_UNTRUSTED: Final = 4
"""Copier's exit code where a template would run a program and is not trusted."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a service was made from."""

    source: str
    version: str
    given: dict[str, Any]
    """The answers to the questions."""

    @classmethod
    def read(cls, service: Path) -> "Answers":
        """The answers that a service keeps.

        Raises:
            UpdateError: there are none, or they do not say what the service was made from.
        """
        path = service / ANSWERS
        try:
            kept = yaml.safe_load(path.read_bytes())
        except FileNotFoundError:
            raise UpdateError(
                f"{path} is missing: this is no service made by Copier, or not its folder"
            ) from None
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise UpdateError(f"{path} cannot be read: {error}") from None
        kept = kept if isinstance(kept, dict) else {}
        source, version = kept.get("_src_path"), kept.get("_commit")
        if not isinstance(source, str) or not isinstance(version, str):
            raise UpdateError(
                f"{path} lacks _src_path or _commit, by which Copier knows what the service was"
                " made from: take them back from its history"
            )
        given = {name: value for name, value in kept.items() if not str(name).startswith("_")}
        given.pop("copied_as", None)  # none of the answers, but what no update may change
        return cls(source, version, given)


class Copier:
    """Runs Copier as in a service's folder, from which a relative source is found.

    Raises:
        UpdateError: Copier is missing, or failed.
    """

    def __init__(self, service: Path, *, trusted: bool) -> None:
        self._service = service
        self._trust = ("--trust",) if trusted else ()
        self._program = _program()

    def update(self, service: Path, version: str | None, answers: Answers) -> None:
        """Update a service to a version; to the newest, if none is given."""
        ref = ("--vcs-ref", version) if version is not None else ()
        self._run("update", "--defaults", *self._trust, *ref, str(service), answers=answers)

    def copy(self, to: Path, answers: Answers) -> None:
        """The files as the template made them for these answers, in the version that they name."""
        data = to.with_suffix(".yml")
        data.write_text(yaml.safe_dump(answers.given), encoding="utf-8")
        options = ("--defaults", "--skip-tasks", "--trust", "--vcs-ref", answers.version)
        self._run(
            *("copy", *options, "--data-file", str(data), answers.source, str(to)), answers=answers
        )

    def _run(self, *arguments: str, answers: Answers) -> None:
        done = subprocess.run(  # noqa: S603 - no shell
            [*self._program, *arguments],
            cwd=self._service,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
            check=False,
        )
        if done.returncode != 0:
            raise UpdateError(_explained(done.stdout, done.stderr, done.returncode, answers))


def _program() -> list[str]:
    if importlib.util.find_spec("copier") is not None:
        return [sys.executable, "-m", "copier"]
    if found := shutil.which("copier"):
        return [found]
    raise UpdateError(
        "Copier is not found: install it (uv tool install copier, or pipx install copier),"
        ' or install this command with it, as "axion-gen[update]"'
    )


def _explained(output: str, errors: str, code: int, answers: Answers) -> str:
    """What went wrong, in plain words where Copier's own are a traceback."""
    source = hidden(answers.source)
    if code == _UNTRUSTED:
        return (
            f"the template {source} runs a program, its generator: if you trust it, say so by"
            " --trust"
        )
    if unknown := re.search(r"Unknown revision: '(.*)'", errors):
        if unknown[1] == answers.version:
            return (
                f"{source} no longer has {answers.version}, which this service was made from."
                " A released version is for ever: its tag, or its commit, must come back"
            )
        return f"{source} has no version {unknown[1]}"
    if "only supported in git-tracked templates" in errors:
        return _gone(source, "there is no Git repository")
    if "Traceback" in errors and (reason := re.search(r"fatal: (.*)", errors)):
        return _gone(source, hidden(reason[1]))
    lines = [line for line in errors.splitlines() if line.strip()]
    if "Traceback (most recent call last):" in lines:
        return f"Copier failed: {hidden(lines[-1])}"
    said = [line for line in output.splitlines() if line.strip()]
    return hidden("\n".join([*said, *lines][-30:])) or f"Copier ended with exit code {code}"


def _gone(source: str, reason: str) -> str:
    return (
        f"the template {source} cannot be read: {reason}. If it has moved, write its new place"
        f" into {ANSWERS} (_src_path) and commit that; nothing else there is to be edited"
    )


def hidden(text: str) -> str:
    """A text without the passwords of its addresses."""
    return re.sub(r"(https?://)[^/@\s]+@", r"\1", text)


def repository_of(service: Path) -> Repository:
    """The repository of a service, which must hold all of its work.

    Raises:
        UpdateError: it is in none, or something is not committed.
    """
    repository = Repository.around(service)
    repository.head()
    if not repository.clean():
        raise UpdateError(
            f"{repository.top} has changes that are not committed: commit or stash them first, so"
            " that an update can be told from your work, and taken back"
        )
    return repository

"""What must hold before the template is released: `make release-check` runs it.

A service is updated years after it was copied, by answers and from a version of then. So what a
release once had, questions, choices, the user's paths, guards, it has for ever. What the files
themselves become is proved by updates, in `update/test_history.py`.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any, cast

from .conftest import ROOT, git, run
from .releases import RELEASES, Read, at, choices, configuration, here, present, questions


def problems(old: Read, new: Read) -> Iterator[str]:
    """What an update from an old version to a new one would suffer from."""
    yield from _questions(old, new)
    yield from _tasks(configuration(new))
    before, after = configuration(old), configuration(new)
    skipped = _list(after, "_skip_if_exists")
    for path in _list(before, "_skip_if_exists"):
        if re.sub(r"\{\{.*?\}\}", "*", path) not in skipped:
            yield f"_skip_if_exists: {path} was the user's, and an update would change it now"
    for path in skipped:
        if "{{" in path:
            yield (
                f"_skip_if_exists: {path} needs an answer, and Copier has none yet where it reads"
                " this for a service that has deleted a file: the update ends with a traceback"
            )
    for path in _list(before, "_exclude"):
        if path not in _list(after, "_exclude"):
            yield f"_exclude: {path} was left to the user, and an update would delete it now"
    for name in ("_subdirectory", "_answers_file", "_templates_suffix"):
        if before.get(name) != after.get(name):
            yield f"{name}: was {before.get(name)}, and Copier would no longer find what it needs"


def _questions(old: Read, new: Read) -> Iterator[str]:
    before, after = questions(old), questions(new)
    for name, question in after.items():
        if "default" not in question:
            yield f"{name}: has no default, and an update of a service without an answer ends"
        if question.get("secret"):
            yield f"{name}: is secret, so its answer is not kept, and each update asks anew"
    for name, question in before.items():
        if name not in after:
            yield f"{name}: is no longer asked, and services have answers to it"
            continue
        if question.get("type", "str") != after[name].get("type", "str"):
            yield f"{name}: has another type, and the answers of services may not fit"
        if gone := [choice for choice in choices(question) if choice not in choices(after[name])]:
            yield f"{name}: lacks {gone}, and services that chose it would silently get the default"


def _tasks(after: dict[str, Any]) -> Iterator[str]:
    for number, task in enumerate(_list(after, "_tasks"), 1):
        when = str(task.get("when", "")) if isinstance(task, dict) else ""
        if "_copier_operation == 'copy'" not in when and "refusal" not in when:
            yield (
                f"_tasks: number {number} has no guard (_copier_operation == 'copy'): it would run"
                " three times an update, and in every update to come"
            )
    for number, migration in enumerate(_list(after, "_migrations"), 1):
        if not isinstance(migration, dict) or "_stage" not in str(migration.get("when", "")):
            yield f"_migrations: number {number} does not say when (_stage): it would run twice"


def _list(config: dict[str, Any], name: str) -> list[Any]:
    return cast("list[Any]", config.get(name, []))


def unready(new: Read, tags: dict[str, str]) -> Iterator[str]:
    """What a release lacks that is no matter of the template's."""
    version = tomllib.loads(new("pyproject.toml"))["project"]["version"]
    if f"v{version}" in RELEASES or f"v{version}" in tags:
        yield f"pyproject.toml: {version} is released already; a version is for ever, take the next"
    if RELEASES and _number(version) <= max(_number(released) for released in RELEASES):
        yield f"pyproject.toml: {version} is not newer than what is released"
    first = re.search(r"^## (.*)$", new("CHANGELOG.md"), re.MULTILINE)
    if first is None or not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", first[1]):
        yield f"CHANGELOG.md: its first heading must be `## {version} (YYYY-MM-DD)`"
    for released, commit in RELEASES.items():
        if tags.get(released, commit) != commit:
            yield f"the tag {released} is not where it was released, at {commit}: tags are for ever"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def main() -> int:
    """Say what is wrong; the exit code."""
    missing = [version for version, commit in RELEASES.items() if not present(commit)]
    if missing:
        sys.stderr.write(f"this clone lacks {', '.join(missing)}: git fetch --unshallow\n")
        return 2
    found = [*unready(here, _tags())]
    if git(ROOT, "status", "--porcelain"):
        found.append("not everything is committed")
    for version, commit in RELEASES.items():
        found += [f"since {version}: {problem}" for problem in problems(at(commit), here)]
    sys.stdout.writelines(f"{problem}\n" for problem in dict.fromkeys(found))
    return 1 if found else 0


def _tags() -> dict[str, str]:
    """The releases that are tagged here, and their commits."""
    refs = "%(refname:short) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
    done = run("git", "for-each-ref", f"--format={refs}", "refs/tags/v*", cwd=ROOT)
    return dict(line.split() for line in done.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main())

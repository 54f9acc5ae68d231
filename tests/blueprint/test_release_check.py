"""The check before a release: what would hurt services is told, what would not is not."""

import tomllib

import pytest

from . import release_check
from .releases import RELEASES, Read, at, blueprints, here, present

FIRST = """
_skip_if_exists: [/asyncapi.yaml]
_exclude: [/old.txt]
_tasks:
  - command: [generate]
    when: "{{ _copier_operation == 'copy' }}"
_migrations:
  - command: [generate]
    when: "{{ _stage == 'after' }}"
blueprint:
  type: str
  choices: "{{ {} if 'blueprint' in _copier_conf.data else {'One': 'one', 'Two': 'two'} }}"
  default: one
---
!include more.yml
"""
MORE = "owner: {type: str, default: us}\npackage: {type: str, when: false, default: x}\n"


def version(config: str = FIRST, more: str = MORE) -> Read:
    return {"copier.yml": config, "more.yml": more}.__getitem__


def test_the_template_as_it_lies_here_hurts_no_service() -> None:
    commits = [commit for commit in RELEASES.values() if present(commit)]
    for old in [*map(at, commits), here]:
        assert [*release_check.problems(old, here)] == []
    assert blueprints(here)[0] == "crud-service"


def test_what_is_added_hurts_nobody() -> None:
    config = FIRST.replace("'Two': 'two'", "'Two': 'two', 'Three': 'three'")
    config = config.replace("[/old.txt]", "[/old.txt, /older.txt]")
    more = MORE.replace("package:", "deploy: {type: str, choices: [a, b], default: a}\npackage:")
    assert [*release_check.problems(version(), version(config, more))] == []


def test_what_is_computed_may_go() -> None:
    more = MORE.splitlines()[0]
    assert [*release_check.problems(version(), version(more=more))] == []


HURTS = {
    "a choice": (("'two'", "'zwei'"), "blueprint: lacks ['two']"),
    "a question": (("owner:", "team:"), "owner: is no longer asked"),
    "no default": (("{type: str, default: us}", "{type: str}"), "owner: has no default"),
    "secret": (("default: us", "default: us, secret: true"), "owner: is secret"),
    "another type": (("{type: str, default: us}", "{type: int, default: 1}"), "owner: has another"),
    "the user's path": (("[/asyncapi.yaml]", "[]"), "_skip_if_exists: /asyncapi.yaml"),
    "an answer too early": (
        ("[/asyncapi.yaml]", "[/asyncapi.yaml, '/src/{{ package }}/']"),
        "_skip_if_exists: /src/{{ package }}/ needs an answer",
    ),
    "a path left to the user": (("[/old.txt]", "[]"), "_exclude: /old.txt"),
    "a task's guard": (("_copier_operation == 'copy'", "true"), "_tasks: number 1 has no guard"),
    "a bare task": (("_tasks:", "_tasks:\n  - generate"), "_tasks: number 1 has no guard"),
    "a migration's stage": (("_stage == 'after'", "true"), "_migrations: number 1"),
    "the folder": (("_exclude", "_subdirectory: other\n_exclude"), "_subdirectory: was None"),
}


@pytest.mark.parametrize(("change", "said"), HURTS.values(), ids=HURTS)
def test_what_would_hurt_services_is_told(change: tuple[str, str], said: str) -> None:
    new = version(FIRST.replace(*change), MORE.replace(*change))
    (problem,) = release_check.problems(version(), new)
    assert problem.startswith(said)


def ready(version: str, changelog: str) -> Read:
    pyproject = f'[project]\nversion = "{version}"\n'
    return {"pyproject.toml": pyproject, "CHANGELOG.md": changelog}.__getitem__


def test_a_release_has_its_place_in_the_changelog() -> None:
    assert [*release_check.unready(ready("9.0.0", "# Log\n\n## 9.0.0 (2030-01-31)\n"), {})] == []
    for changelog in ("# Log\n", "## 8.0.0 (2030-01-31)\n", "## 9.0.0\n"):
        (problem,) = release_check.unready(ready("9.0.0", changelog), {})
        assert "`## 9.0.0 (YYYY-MM-DD)`" in problem


def test_a_version_is_for_ever() -> None:
    last = [*RELEASES][-1]
    said = [*release_check.unready(ready(last[1:], f"## {last[1:]} (2030-01-31)\n"), {})]
    assert any("is released already" in problem for problem in said)
    moved = release_check.unready(ready("9.0.0", "## 9.0.0 (2030-01-31)\n"), {last: "0" * 40})
    assert [problem for problem in moved if last in problem and "tags are for ever" in problem]


def test_the_changelog_speaks_of_the_version_here_at_most_without_a_date() -> None:
    said = [*release_check.unready(here, {})]
    version = tomllib.loads(here("pyproject.toml"))["project"]["version"]
    assert said == [] or f"\n## {version} (unreleased)\n" in here("CHANGELOG.md")

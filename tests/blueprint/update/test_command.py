"""`axion update`, as a process: what it shows, what it keeps, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from ..conftest import BIN, Finished, commit, copy, git, make, run
from .conftest import append, replace, unmerged

PNG = b"\x89PNG\r\n\x1a\n\0"


def axion(service: Path, *arguments: str, **environment: str) -> Finished:
    done = run(BIN / "axion", "update", *arguments, cwd=service, **environment)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def answer(service: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = axion(service, "--trust", "--format", "json", *arguments)
    said: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, said


def state(service: Path) -> tuple[str, str, str]:
    """All that an update which did not happen must leave as it was."""
    return (
        git(service, "rev-parse", "HEAD"),
        git(service, "status", "--porcelain", "--ignored"),
        git(service, "ls-files", "--stage"),
    )


@pytest.fixture
def eventful(upstream: Path, downstream: Path) -> Path:
    """A service whose team and template have both changed what the other has."""
    base = upstream / "template"
    (base / "docs").mkdir(exist_ok=True)
    lines = [f"line {number}\n" for number in range(30)]
    for name in ("dropped", "untouched", "old-name", "other-name"):
        (base / "docs" / f"{name}.txt").write_text(name + "\n" + "".join(lines))
    (base / "docs" / "logo.png").write_bytes(PNG + b"theirs")
    (base / "docs" / "icon.png").write_bytes(PNG + b"theirs")
    commit(upstream, "Files to change", tag="v0.2.0")
    assert axion(downstream, "--trust", "--yes").returncode == 0
    commit(downstream, "Update to v0.2.0")

    docs = downstream / "docs"
    append(docs / "dropped.txt", "mine\n")
    append(docs / "old-name.txt", "mine\n")
    replace(docs / "other-name.txt", "line 3\n", "line 3, mine\n")
    (docs / "logo.png").write_bytes(PNG + b"mine")
    (docs / "icon.png").write_bytes(PNG + b"mine")
    replace(downstream / "README.md", "make test", "make test-mine")
    append(downstream / "compose.yaml", "# mine\n")
    (downstream / "notes.txt").write_text("mine\n")
    commit(downstream, "Our work")

    (base / "docs" / "dropped.txt").unlink()
    (base / "docs" / "untouched.txt").unlink()
    (base / "docs" / "old-name.txt").rename(base / "docs" / "new-name.txt")
    replace(base / "docs" / "new-name.txt", "line 3\n", "line 3, theirs\n")
    (base / "docs" / "other-name.txt").rename(base / "docs" / "another-name.txt")
    replace(base / "docs" / "another-name.txt", "line 3\n", "line 3, theirs\n")
    (base / "docs" / "icon.png").write_bytes(PNG + b"theirs, newer")
    replace(base / "README.md.jinja", "make test", "make test-theirs")
    append(base / "Makefile.jinja", "\n# theirs\n")
    (base / "notes.txt").write_text("theirs\n")
    (base / "docs" / "new.txt").write_text("theirs\n")
    commit(upstream, "Change them", tag="v0.3.0")
    return downstream


CONFLICTS = {
    "README.md",
    "docs/another-name.txt",
    "docs/dropped.txt",
    "docs/icon.png",
    "notes.txt",
}


def test_it_shows_first_what_it_would_do(eventful: Path) -> None:
    before = state(eventful)

    code, said = answer(eventful, "--dry-run")

    assert code == 1
    assert state(eventful) == before
    assert (said["result"], said["before"], said["after"]) == ("previewed", "v0.2.0", "v0.3.0")
    assert set(said["conflicts"]) == CONFLICTS
    assert said["deleted"] == ["docs/old-name.txt", "docs/other-name.txt", "docs/untouched.txt"]
    assert said["added"] == ["docs/another-name.txt", "docs/new-name.txt", "docs/new.txt"]
    assert {"Makefile", "README.md", "notes.txt"} < set(said["changed"])
    assert sorted(said["kept"], key=lambda kept: str(kept["path"])) == [
        {"path": "docs/dropped.txt", "why": "dropped", "to": None},
        {"path": "docs/icon.png", "why": "binary", "to": None},
        {"path": "docs/logo.png", "why": "binary", "to": None},
        {"path": "docs/old-name.txt", "why": "renamed", "to": "docs/new-name.txt"},
        {"path": "docs/other-name.txt", "why": "renamed", "to": "docs/another-name.txt"},
    ]


def test_it_loses_nothing_and_names_what_is_to_be_put_right(eventful: Path) -> None:
    done = axion(eventful, "--trust", "--yes")

    assert done.returncode == 1
    assert "v0.2.0 -> v0.3.0" in done.stdout
    for path in CONFLICTS:
        assert f"conflict  {path}\n" in done.stdout
    assert "kept      docs/dropped.txt  (with your edits" in done.stdout
    assert "5 conflicts remain" in done.stdout
    docs = eventful / "docs"
    assert set(unmerged(eventful)) == CONFLICTS
    assert (docs / "dropped.txt").read_text().endswith("mine\n")
    new_name = (docs / "new-name.txt").read_text()
    assert new_name.endswith("mine\n")
    assert "line 3, theirs\n" in new_name
    assert not (docs / "old-name.txt").exists()
    another = (docs / "another-name.txt").read_text()
    assert "<<<<<<< before updating\nline 3, mine\n" in another
    assert (docs / "logo.png").read_bytes() == PNG + b"mine"
    assert (docs / "icon.png").read_bytes() == PNG + b"mine"
    assert "make test-mine" in (eventful / "README.md").read_text()
    assert (eventful / "compose.yaml").read_text().endswith("# mine\n")
    assert "# theirs" in (eventful / "Makefile").read_text()
    assert make(eventful, "conflicts").returncode != 0
    git(eventful, "reset", "--hard", "--quiet")
    git(eventful, "clean", "-d", "--force", "--quiet")
    assert git(eventful, "status", "--porcelain") == ""


def test_an_update_without_conflicts_is_copiers(
    upstream: Path, downstream: Path, tmp_path: Path
) -> None:
    append(upstream / "template" / "Makefile.jinja", "\n# theirs\n")
    append(upstream / "generator" / "axion_gen" / "runtime" / "identifiers.py", "\nRELEASE = 2\n")
    commit(upstream, "Release", tag="v0.2.0")

    done = axion(downstream, "--trust", "--yes")

    assert done.returncode == 0, done.stderr
    assert "src/items/bus/  (2 files, generated)" in done.stdout
    fresh = copy(upstream, tmp_path / "fresh")
    commit(fresh, "Copy")
    git(downstream, "add", "--all")
    assert git(downstream, "write-tree") == git(fresh, "rev-parse", "HEAD^{tree}")
    commit(downstream, "Update")
    code, said = answer(downstream, "--yes")
    assert (code, said["result"], said["changed"]) == (0, "unchanged", [])


def test_one_service_of_a_repository(upstream: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    one = copy(upstream, both / "one")
    other = copy(upstream, both / "other")
    commit(both, "Copy two services")
    append(one / "compose.yaml", "# mine\n")
    commit(both, "Edit")
    for path in (upstream / "template").rglob("*compose.yaml*"):
        path.unlink()
    append(upstream / "template" / "Makefile.jinja", "\n# theirs\n")
    commit(upstream, "Release", tag="v0.2.0")

    code, said = answer(one, "--yes")

    assert (code, said["conflicts"]) == (1, ["compose.yaml"])
    assert said["changed"] == [".copier-answers.yml", "Makefile"]
    assert (one / "compose.yaml").read_text().endswith("# mine\n")
    assert git(both, "status", "--porcelain", "--", other.name) == ""


def test_a_file_that_git_ignores_is_left_alone(upstream: Path, downstream: Path) -> None:
    append(downstream / ".gitignore", "local/\n")
    commit(downstream, "Ignore")
    (downstream / "local").mkdir()
    (downstream / "local" / "notes").write_text("mine")
    (upstream / "template" / "local").mkdir()
    (upstream / "template" / "local" / "notes").write_text("theirs")
    commit(upstream, "Release", tag="v0.2.0")

    code, said = answer(downstream, "--yes")

    assert (code, said["ignored"]) == (0, ["local/notes"])
    assert (downstream / "local" / "notes").read_text() == "mine"


def dirty(service: Path) -> None:
    (service / "new.txt").write_text("not committed")


def no_answers(service: Path) -> None:
    git(service, "rm", "--quiet", ".copier-answers.yml")
    commit(service, "Lose the answers")


def answers(service: Path, old: str, new: str) -> None:
    replace(service / ".copier-answers.yml", old, new)
    commit(service, "Edit the answers")


def broken_contract(service: Path) -> None:
    replace(service / "asyncapi.yaml", "#/components/messages/", "#/components/gone/")
    commit(service, "Break the contract")


REFUSED = {
    "dirty": (dirty, "has changes that are not committed"),
    "no answers": (no_answers, "this is no service made by Copier"),
    "no version": (lambda s: answers(s, "_commit:", "commit:"), "lacks _src_path or _commit"),
    "no yaml": (lambda s: answers(s, "_commit:", "_commit: [:"), "cannot be read"),
    "source moved": (lambda s: answers(s, "/axion", "/moved"), "If it has moved"),
    "url moved": (
        lambda s: answers(s, "_src_path: ", "_src_path: https://me:s3cret@127.0.0.1:9"),
        "https://127.0.0.1:9/",
    ),
    "tag deleted": (lambda s: answers(s, "v0.1.0", "v0.0.7"), "A released version is for ever"),
    "broken contract": (broken_contract, "#/components/gone/"),
}


@pytest.mark.parametrize(("break_it", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    upstream: Path, downstream: Path, break_it: Any, said: str
) -> None:
    append(upstream / "template" / "Makefile.jinja", "\n# theirs\n")
    commit(upstream, "Release", tag="v0.2.0")
    break_it(downstream)
    before = state(downstream)

    done = axion(downstream, "--trust", "--yes")

    assert done.returncode == 2
    assert said in done.stderr
    assert "s3cret" not in done.stderr
    assert state(downstream) == before


def test_it_asks_for_trust_as_copier_does(downstream: Path) -> None:
    done = axion(downstream, "--yes")
    assert done.returncode == 2
    assert "if you trust it, say so by --trust" in done.stderr


def test_a_version_that_is_not_there(downstream: Path) -> None:
    done = axion(downstream, "--trust", "--yes", "--vcs-ref", "v7.0.0")
    assert done.returncode == 2
    assert "has no version v7.0.0" in done.stderr


def test_without_a_terminal_it_wants_to_be_told(downstream: Path) -> None:
    done = axion(downstream, "--trust")
    assert done.returncode == 2
    assert "--dry-run" in done.stderr


@pytest.mark.parametrize("folder", ["missing", "bare"])
def test_a_folder_that_is_no_repository(tmp_path: Path, folder: str) -> None:
    (tmp_path / "bare").mkdir()
    done = axion(tmp_path, folder, "--yes", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.returncode == 2
    assert "is in no Git repository" in done.stderr or "is no folder" in done.stderr


def test_without_copier_it_says_how_to_get_it(downstream: Path, tmp_path: Path) -> None:
    blind = tmp_path / "blind"
    blind.mkdir()
    (blind / "sitecustomize.py").write_text("import sys\nsys.modules['copier'] = None\n")
    git_alone = tmp_path / "bin"
    git_alone.mkdir()
    (git_alone / "git").symlink_to(run("which", "git", cwd=tmp_path).stdout.strip())
    done = run(
        *(BIN / "axion", "update", "--yes"),
        cwd=downstream,
        PATH=str(git_alone),
        PYTHONPATH=str(blind),
    )
    assert done.returncode == 2
    assert "uv tool install copier" in done.stderr


@pytest.mark.parametrize("in_the_way", ["a file", "a folder"])
def test_what_git_does_not_know_is_never_overwritten(
    upstream: Path, downstream: Path, in_the_way: str
) -> None:
    (downstream / ".git" / "info" / "exclude").write_text("notes.txt\n")
    notes = downstream / "notes.txt"
    notes.mkdir() if in_the_way == "a folder" else notes.write_text("mine")
    (upstream / "template" / "notes.txt").write_text("theirs")
    commit(upstream, "Release", tag="v0.2.0")
    before = state(downstream)

    done = axion(downstream, "--trust", "--yes")

    assert done.returncode == 2
    assert "notes.txt is in the way" in done.stderr
    assert state(downstream) == before


def test_a_failure_at_the_end_changes_nothing(upstream: Path, downstream: Path) -> None:
    append(upstream / "template" / "Makefile.jinja", "\n# theirs\n")
    commit(upstream, "Release", tag="v0.2.0")
    before = state(downstream)
    lock = downstream / ".git" / "index.lock"  # another Git is at work, or was when it died
    lock.touch()

    done = axion(downstream, "--trust", "--yes")

    assert done.returncode == 2
    assert "index.lock" in done.stderr
    lock.unlink()
    assert state(downstream) == before

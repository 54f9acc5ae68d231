"""What Copier and the template do together when the template changes in ways that could hurt."""

import sys
from pathlib import Path

import pytest
import yaml

from ..conftest import commit, copier, copy, git, in_service
from .conftest import append, each, replace, unmerged, update

BOOTSTRAP = """
import os, pathlib
log = pathlib.Path(os.environ["GENERATOR_LOG"])
log.write_text(log.read_text() + f"{os.getcwd()}\\n")
"""
"""In place of the generator: it notes where it was run."""


def migrate(upstream: Path, version: str) -> None:
    """Release a version with a migration of its own."""
    config = upstream / "copier.yml"
    step = f'import pathlib; pathlib.Path("migrated-{version}").open("a").write("once\\n")'
    replace(
        config,
        "_migrations:\n",
        f"_migrations:\n  - version: {version}\n    command:"
        f' ["{{{{ _copier_python }}}}", -c, {yaml.safe_dump(step, width=999).splitlines()[0]}]\n'
        "    when: \"{{ _stage == 'after' }}\"\n",
    )
    commit(upstream, f"Release {version}", tag=version)


@each("event-worker", "http-gateway")
def test_each_migration_runs_once_and_the_generator_in_the_service_alone(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blueprint: str
) -> None:
    log = tmp_path / "generated"
    log.touch()
    monkeypatch.setenv("GENERATOR_LOG", str(log))
    times = 0 if blueprint == "http-gateway" else 1  # it has no contract
    (upstream / "generator" / "bootstrap.py").write_text(BOOTSTRAP)
    commit(upstream, "Note where the generator runs", tag="v0.1.1")
    downstream = copy(upstream, tmp_path / "items", {"blueprint": blueprint})
    commit(downstream, "Copy items")
    assert log.read_text().splitlines() == [str(downstream)] * times
    for version in ("v0.2.0", "v0.3.0", "v0.4.0"):
        migrate(upstream, version)

    update(downstream, "v0.3.0")

    assert log.read_text().splitlines() == [str(downstream)] * times * 2
    assert sorted(path.name for path in downstream.glob("migrated-*")) == [
        "migrated-v0.2.0",
        "migrated-v0.3.0",
    ]
    assert (downstream / "migrated-v0.2.0").read_text() == "once\n"
    commit(downstream, "Update")
    update(downstream)
    assert log.read_text().splitlines() == [str(downstream)] * times * 3
    assert (downstream / "migrated-v0.3.0").read_text() == "once\n"
    assert (downstream / "migrated-v0.4.0").read_text() == "once\n"


def test_a_dropped_path_that_is_excluded_stays_with_its_edits(
    upstream: Path, downstream: Path
) -> None:
    append(downstream / "compose.yaml", "# mine\n")
    commit(downstream, "Edit compose.yaml")
    before = (downstream / "compose.yaml").read_bytes()
    for path in (upstream / "template").rglob("*compose.yaml*"):
        path.unlink()
    replace(upstream / "copier.yml", "_exclude:\n", "_exclude:\n  - /compose.yaml\n")
    commit(upstream, "Drop compose.yaml", tag="v0.2.0")

    update(downstream)

    assert (downstream / "compose.yaml").read_bytes() == before


@pytest.mark.parametrize("question", ["blueprint", "service_name", "resource"])
def test_what_a_service_is_no_update_changes(downstream: Path, question: str) -> None:
    answer = {"blueprint": "no-service", "service_name": "orders", "resource": "order"}[question]
    append(downstream / "src" / "items" / "api.py", "# mine\n")
    commit(downstream, "Edit")
    done = copier("update", f"--data={question}={answer}", cwd=downstream)
    assert done.returncode == 1
    assert f"{question}: '{answer}'" in done.stderr
    assert "Traceback" not in done.stderr
    assert git(downstream, "diff", "HEAD", "--", "src", "asyncapi.yaml") == ""


@each("event-worker")
def test_a_hand_edited_generated_file_is_found_before_it_is_lost(
    upstream: Path, downstream: Path
) -> None:
    client = downstream / "src" / "items" / "bus" / "client.py"
    append(client, "# mine\n")
    commit(downstream, "Edit what is generated")
    proved = in_service(downstream, sys.executable, "-m", "items.bus", "check")
    assert proved.returncode == 1
    assert "client.py" in proved.stdout + proved.stderr
    append(upstream / "generator" / "axion_gen" / "runtime" / "identifiers.py", "\nRELEASE = 2\n")
    commit(upstream, "Release", tag="v0.2.0")

    done = copier("update", cwd=downstream)

    assert done.returncode == 1
    assert "client.py" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert client.read_text().endswith("# mine\n")


def test_crlf_is_no_conflict(upstream: Path, downstream: Path) -> None:
    makefile = downstream / "Makefile"
    makefile.write_bytes(makefile.read_bytes().replace(b"\n", b"\r\n"))
    commit(downstream, "As an editor on Windows saves it")
    append(upstream / "template" / "Makefile.jinja", "\n# New.\n")
    commit(upstream, "Release", tag="v0.2.0")

    update(downstream)

    assert unmerged(downstream) == []
    assert "# New." in makefile.read_text()

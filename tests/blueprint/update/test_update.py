"""`copier update`: the template's changes come in, and not a line of the user's is lost."""

import sys
from pathlib import Path

import pytest

from ..conftest import (
    BIN,
    Finished,
    commit,
    copier,
    copy,
    git,
    in_service,
    make,
    run,
)
from .conftest import append, each, replace, unmerged

ARCHIVE_CHANNEL = """      archive:
        $ref: "#/components/messages/ItemArchive"
  itemEvents:
"""
ARCHIVE_MESSAGE = """  messages:
    ItemArchive:
      name: item.archive
      x-axion-key: $message.payload#/id
      payload:
        type: object
        required: [id]
        properties:
          id:
            $ref: "#/components/schemas/Id"
"""
ARCHIVE_HANDLER = '''
    async def on_item_archive(self, message: ItemArchive, context: Context) -> None:
        """The user's own."""
        self.archived = [*getattr(self, "archived", []), message.id]
'''


@pytest.fixture
def edited(downstream: Path) -> Path:
    """A service copied at v0.1.0, in which its team has worked."""
    service = downstream
    replace(service / "asyncapi.yaml", "  itemEvents:\n", ARCHIVE_CHANNEL)
    replace(
        service / "asyncapi.yaml",
        "  messages:\n    ItemCreate:",
        f"{ARCHIVE_MESSAGE}    ItemCreate:",
    )
    handlers = service / "src" / "items" / "handlers.py"
    replace(handlers, "import (\n", "import (\n    ItemArchive,\n")
    append(handlers, ARCHIVE_HANDLER)
    replace(service / "Makefile", "PYTHON ?= python3\n", "PYTHON ?= python3.11\n")
    (service / "src" / "items" / "prices.py").write_text('"""The user\'s own."""\n')
    generated = make(service, "generate", f"AXION_GEN={BIN / 'axion-gen'}")
    assert generated.returncode == 0, generated.stderr
    commit(service, "Archive items")
    return service


def release(upstream: Path, version: str) -> None:
    """A version with a change in each part that reaches a service."""
    append(upstream / "template" / "Makefile.jinja", f"\nversion:\n\t@echo {version}\n")
    overlay = upstream / "template" / "{{ crud_service }}" / "src" / "{{ package }}"
    append(overlay / "handlers.py.jinja", f"# {version}\n")
    runtime = upstream / "generator" / "axion_gen" / "runtime"
    append(runtime / "identifiers.py", f"\nRELEASE = {version!r}\n")
    commit(upstream, f"Release {version}", tag=version)


def update(service: Path) -> Finished:
    return copier("update", cwd=service)


def assert_clean(service: Path) -> None:
    """Nothing unmerged, no marker, and a generated package that is the contract's."""
    assert git(service, "ls-files", "--unmerged") == ""
    marked = run("git", "grep", "-E", "^(<{7}|>{7}|={7}$)", cwd=service)
    assert marked.stdout == ""
    assert list(service.rglob("*.rej")) == []
    checked = in_service(service, sys.executable, "-m", "items.bus", "check")
    assert checked.returncode == 0, checked.stdout


def test_an_update_brings_everything_in_and_loses_nothing(upstream: Path, edited: Path) -> None:
    mine = ("asyncapi.yaml", "src/items/handlers.py", "src/items/prices.py")
    before = {path: (edited / path).read_bytes() for path in mine}
    release(upstream, "v0.2.0")

    done = update(edited)

    assert done.returncode == 0, done.stderr
    assert_clean(edited)
    assert {path: (edited / path).read_bytes() for path in mine} == before
    assert "_commit: v0.2.0" in (edited / ".copier-answers.yml").read_text()
    makefile = (edited / "Makefile").read_text()
    assert "@echo v0.2.0" in makefile
    assert "PYTHON ?= python3.11" in makefile
    bus = edited / "src" / "items" / "bus"
    assert "RELEASE = 'v0.2.0'" in (bus / "runtime" / "identifiers.py").read_text()
    assert "on_item_archive" in (bus / "handlers.py").read_text()
    # axion-gen of the new version would write nothing else.
    generator = {"PYTHONPATH": str(upstream / "generator")}
    checked = run(
        *(
            sys.executable,
            "-m",
            "axion_gen",
            "asyncapi.yaml",
            "--output",
            "src/items/bus",
            "--check",
        ),
        cwd=edited,
        **generator,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

    commit(edited, "Update to v0.2.0")
    assert make(edited, "conflicts", "contract").returncode == 0
    again = update(edited)
    assert again.returncode == 0, again.stderr
    assert git(edited, "status", "--porcelain") == ""


@each("event-worker", "http-gateway")
def test_a_conflict_is_marked_and_fails_the_check(upstream: Path, downstream: Path) -> None:
    replace(downstream / "README.md", "Python 3.11 or newer and make", "Python 3.12 and make")
    commit(downstream, "Ask for more")
    replace(upstream / "template" / "README.md.jinja", "Python 3.11 or newer and", "Python and")
    commit(upstream, "Ask for less", tag="v0.2.0")

    done = update(downstream)

    assert done.returncode == 0, done.stderr
    assert unmerged(downstream) == ["README.md"]
    readme = (downstream / "README.md").read_text()
    assert "Python 3.12 and make" in readme.partition("=======")[0]
    checked = make(downstream, "check")
    assert checked.returncode != 0
    assert "README.md" in checked.stdout
    git(downstream, "add", "--all")  # its markers are not put right
    checked = make(downstream, "check")
    assert checked.returncode != 0
    assert "README.md" in checked.stdout


def test_conflict_markers_in_pyproject_do_not_stop_the_generator(
    upstream: Path, edited: Path
) -> None:
    replace(edited / "pyproject.toml", 'version = "0.1.0"', 'version = "7.0.0"')
    commit(edited, "Release ours")
    base = upstream / "template" / "pyproject.toml.jinja"
    replace(base, 'version = "0.1.0"', 'version = "0.0.1"')
    append(upstream / "generator" / "axion_gen" / "runtime" / "identifiers.py", "\nRELEASE = 2\n")
    commit(upstream, "Start lower", tag="v0.2.0")

    done = update(edited)

    assert done.returncode == 0, done.stderr
    assert "<<<<<<<" in (edited / "pyproject.toml").read_text()
    generated = edited / "src" / "items" / "bus" / "runtime" / "identifiers.py"
    assert generated.read_text().endswith("RELEASE = 2\n")


@each("event-worker")
def test_a_generator_that_fails_is_told_and_runs_again(upstream: Path, downstream: Path) -> None:
    service = downstream
    replace(service / "asyncapi.yaml", "#/components/messages/", "#/components/gone/")
    commit(service, "Break the contract")
    release(upstream, "v0.2.0")

    failed = update(service)

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    said = failed.stdout + failed.stderr
    assert "#/components/gone" in said
    assert "python <clone>/generator/bootstrap.py asyncapi.yaml --output src/items/bus" in said
    assert "RELEASE" not in (service / "src/items/bus/runtime/identifiers.py").read_text()

    replace(service / "asyncapi.yaml", "#/components/gone/", "#/components/messages/")
    script = upstream / "generator" / "bootstrap.py"
    again = run(BIN / "python", script, "asyncapi.yaml", "--output", "src/items/bus", cwd=service)
    assert again.returncode == 0, again.stderr
    assert_clean(service)
    assert "RELEASE" in (service / "src/items/bus/runtime/identifiers.py").read_text()


@each("event-worker", "http-gateway")
def test_a_service_changes_alone_in_its_repository(
    upstream: Path, tmp_path: Path, blueprint: str
) -> None:
    both = tmp_path / "both"
    both.mkdir()
    one, other = (
        copy(upstream, both / name, {"blueprint": blueprint}) for name in ("one", "other")
    )
    commit(both, "Copy two services")
    release(upstream, "v0.2.0")

    done = update(one)

    assert done.returncode == 0, done.stderr
    assert "v0.2.0" in (one / "Makefile").read_text()
    assert git(both, "status", "--porcelain", "--", other.name) == ""

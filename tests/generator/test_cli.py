"""The command: where it writes, what it refuses, what `--check` finds."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

import axion_gen

from . import projects
from .generating import ITEMS, Answer, small
from .generating import axion_gen as run
from .projects import PROJECT, own_check


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return projects.project(tmp_path)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The same, generated."""
    return projects.generated(tmp_path)


def check(project: Path) -> Answer:
    return run("api/asyncapi.yaml", "--check", cwd=project)


def test_output_is_that_of_the_nearest_pyproject(project: Path) -> None:
    answer = run("api/asyncapi.yaml", cwd=project)
    assert answer.out.splitlines()[0] == "written    src/items/bus"
    assert (answer.code, answer.err) == (0, "")
    assert (project / "src" / "items" / "bus" / "runtime" / "py.typed").is_file()
    assert not [path for path in (project / "src" / "items").iterdir() if path.name != "bus"]


def test_nothing_is_written_again(made: Path) -> None:
    before = (made / "src" / "items" / "bus").stat().st_ino
    assert run(made / "api" / "asyncapi.yaml").out.startswith("unchanged")
    assert (made / "src" / "items" / "bus").stat().st_ino == before


def test_a_given_output_needs_no_pyproject(project: Path) -> None:
    (project / "pyproject.toml").write_text("<<<<<<< before updating\n")
    assert run("api/asyncapi.yaml", "--output", "bus", cwd=project).code == 0
    assert (project / "bus" / "messages.py").is_file()


@pytest.mark.parametrize(
    ("pyproject", "said"),
    [
        (None, "there is no pyproject.toml"),
        ("<<<<<<< before updating\n", "cannot be read"),
        ("[project]\n", "has no `output` under [tool.axion-gen]"),
        ("tool = 3\n", "has no `output` under [tool.axion-gen]"),
        ("[tool.axion-gen]\n", "has no `output` under [tool.axion-gen]"),
    ],
)
def test_where_to_is_asked(project: Path, pyproject: str | None, said: str) -> None:
    (project / "pyproject.toml").unlink()
    if pyproject is not None:
        (project / "pyproject.toml").write_text(pyproject)
    answer = run("api/asyncapi.yaml", cwd=project)
    assert answer.code == 2
    assert said.lower() in answer.err.lower()
    assert "--output" in answer.err


def test_check_names_each_file(made: Path) -> None:
    bus = made / "src" / "items" / "bus"
    assert check(made) == Answer(0, "unchanged  src/items/bus\n", "")
    (bus / "__pycache__").mkdir()
    (bus / "__pycache__" / "client.pyc").touch()
    assert check(made).code == own_check(made).code == 0
    (bus / "client.py").write_text("# mine\n")
    (bus / "runtime" / "bus.py").unlink()
    (bus / "extra.py").touch()
    for answer, edited in ((check(made), "edited"), (own_check(made), "changed")):
        assert answer.code == 1
        words = [line.split() for line in answer.out.splitlines() if ".py" in line]
        assert sorted(words) == [
            [edited, "client.py"],
            ["left", "over", "extra.py"],
            ["missing", "runtime/bus.py"],
        ]
    assert (bus / "client.py").read_text() == "# mine\n"


def test_both_checks_see_that_the_contract_changed(made: Path) -> None:
    with (made / "api" / "asyncapi.yaml").open("a") as contract:
        contract.write("# a word\n")
    assert check(made).out.splitlines()[0] == "changed    axion.lock"
    answer = own_check(made)
    assert answer.code == 1
    assert "changed   ../../../api/asyncapi.yaml" in answer.out


def test_neither_check_minds_line_ends_of_a_checkout(made: Path) -> None:
    for path in [made / "api" / "asyncapi.yaml", made / "src" / "items" / "bus" / "client.py"]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert own_check(made).code == 0
    (made / "api" / "asyncapi.yaml").write_bytes(ITEMS.read_bytes())
    assert check(made).code == 0


@pytest.mark.parametrize("lock", ["", "<<<<<<< before updating", "[]", '{"contract": 3}'])
def test_an_unreadable_lock_is_said_and_made_anew(made: Path, lock: str) -> None:
    (made / "src" / "items" / "bus" / "axion.lock").write_text(lock)
    assert own_check(made).code == 2
    assert check(made).code == 1
    assert run(made / "api" / "asyncapi.yaml").code == 0
    assert own_check(made).code == 0


def test_the_lock_has_no_place_and_no_time_of_this_machine(made: Path) -> None:
    lock = (made / "src" / "items" / "bus" / "axion.lock").read_text()
    assert str(made) not in lock
    assert list(json.loads(lock)["contract"]) == ["../../../api/asyncapi.yaml"]


def test_files_that_a_contract_refers_to_are_locked(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(
        small(payload="{$ref: 'my%20schemas/thing.json#/a~1b'}")
    )
    (tmp_path / "my schemas").mkdir()
    (tmp_path / "my schemas" / "thing.json").write_text('{\t"a/b": {"type": "object"}}')
    assert run("asyncapi.yaml", "--output", "bus", cwd=tmp_path).code == 0
    lock = json.loads((tmp_path / "bus" / "axion.lock").read_text())
    assert list(lock["contract"]) == ["../asyncapi.yaml", "../my schemas/thing.json"]


def test_a_folder_that_is_not_ours_is_refused(project: Path) -> None:
    bus = project / "src" / "items" / "bus"
    bus.mkdir(parents=True)
    (bus / "precious.txt").write_text("mine")
    answer = run(project / "api" / "asyncapi.yaml")
    assert answer.code == 2
    assert "has no axion.lock" in answer.err
    assert [path.name for path in bus.iterdir()] == ["precious.txt"]


def test_the_root_of_all_folders_is_refused() -> None:
    answer = run(ITEMS, "--output", "/")
    assert answer.code == 2
    assert "/ is not empty and has no axion.lock" in answer.err


def test_a_file_that_is_not_ours_is_refused(made: Path) -> None:
    bus = made / "src" / "items" / "bus"
    (bus / "precious.txt").write_text("mine")
    (bus / "client.py").unlink()
    answer = run(made / "api" / "asyncapi.yaml")
    assert answer.code == 2
    assert "precious.txt" in answer.err
    assert not (bus / "client.py").exists()


def test_a_file_that_is_not_ours_is_refused_beside_a_lock_that_nobody_can_read(made: Path) -> None:
    bus = made / "src" / "items" / "bus"
    (bus / "axion.lock").write_text("<<<<<<< ours\n")
    (bus / "precious.txt").write_text("mine")
    answer = run(made / "api" / "asyncapi.yaml")
    assert (answer.code, "precious.txt" in answer.err) == (2, True)
    (bus / "precious.txt").unlink()
    assert run(made / "api" / "asyncapi.yaml").code == 0


def test_output_that_is_a_file_is_refused(project: Path) -> None:
    answer = run("api/asyncapi.yaml", "--output", "pyproject.toml", cwd=project)
    assert answer.code == 2
    assert (project / "pyproject.toml").read_text() == PROJECT


def test_output_below_a_file_is_an_error(project: Path) -> None:
    answer = run("api/asyncapi.yaml", "--output", "pyproject.toml/bus", cwd=project)
    assert answer.code == 2
    assert "cannot be written" in answer.err


def test_an_edit_of_a_generated_file_is_lost_only_if_that_is_said(made: Path) -> None:
    client = made / "src" / "items" / "bus" / "client.py"
    original = client.read_text()
    client.write_text("# mine\n")
    answer = run(made / "api" / "asyncapi.yaml")
    assert answer.code == 2
    assert "client.py" in answer.err
    assert "--overwrite" in answer.err
    assert client.read_text() == "# mine\n"
    answer = run(made / "api" / "asyncapi.yaml", "--overwrite")
    assert answer.code == 0
    assert "client.py" in answer.err
    assert client.read_text() == original


def test_a_failing_generation_leaves_what_was_there(made: Path) -> None:
    bus = made / "src" / "items" / "bus"
    before = {path: path.read_bytes() for path in bus.rglob("*") if path.is_file()}
    contract = made / "api" / "asyncapi.yaml"
    contract.write_text(contract.read_text().replace("ItemId'", "Id'"))
    assert run(contract).code == 2
    assert before == {path: path.read_bytes() for path in bus.rglob("*") if path.is_file()}
    assert sorted(path.name for path in bus.parent.iterdir()) == ["__init__.py", "bus"]


def test_what_the_contract_no_longer_makes_goes(made: Path) -> None:
    bus = made / "src" / "items" / "bus"
    lock = json.loads((bus / "axion.lock").read_text())
    (bus / "old.py").touch()
    lock["files"]["old.py"] = hashlib.sha256(b"").hexdigest()
    (bus / "axion.lock").write_text(json.dumps(lock))
    assert run(made / "api" / "asyncapi.yaml").code == 0
    assert not (bus / "old.py").exists()


def test_json_for_programs(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(small(channel="adress: x"))
    answer = run("asyncapi.yaml", "--output", "bus", "--format", "json", cwd=tmp_path)
    assert answer.code == 2
    assert not answer.err
    assert json.loads(answer.out) == {
        "result": "failed",
        "output": "bus",
        "error": None,
        "diagnostics": [
            {
                "rule": "unknown-field",
                "severity": "error",
                "message": "a channel has no field `adress`",
                "help": "did you mean `address`?",
                "file": "asyncapi.yaml",
                "line": 6,
                "column": 5,
            }
        ],
        "note": None,
        "files": [],
        "lost": [],
        "changes": [],
        "missing": None,
        "appended": None,
    }


def test_json_of_differences(made: Path) -> None:
    (made / "src" / "items" / "bus" / "client.py").unlink()
    answer = run("api/asyncapi.yaml", "--check", "--format", "json", cwd=made)
    assert answer.code == 1
    assert json.loads(answer.out)["files"] == [{"path": "client.py", "state": "missing"}]


def test_wrong_usage(tmp_path: Path) -> None:
    for arguments in ([], ["a", "b"], ["a", "--format", "xml"], ["a", "--nonsense"]):
        assert run(*arguments, cwd=tmp_path).code == 2


def test_version_is_that_of_the_distribution() -> None:
    pyproject = Path(axion_gen.__file__).parents[2] / "pyproject.toml"
    version = tomllib.loads(pyproject.read_text())["project"]["version"]
    assert run("--version").out == f"axion-gen {version}\n"

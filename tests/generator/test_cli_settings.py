"""Settings: from the nearest pyproject.toml, or as options; wrong ones are named."""

import hashlib
import json
from pathlib import Path

import pytest

from axion_gen.asyncapi.remote import LOCK, Remote

from .generating import Answer, small
from .generating import axion_gen as run
from .projects import PROJECT, generated, project

DOCUMENT = "document = 'api/asyncapi.yaml'\n"


def test_no_argument_is_needed_where_the_project_names_the_document(tmp_path: Path) -> None:
    project(tmp_path, DOCUMENT)
    below = tmp_path / "api"
    answer = run(cwd=below)
    assert answer.code == 0, answer
    assert (tmp_path / "src" / "items" / "bus" / "client.py").is_file()
    assert run("--check", cwd=tmp_path) == Answer(0, "unchanged  src/items/bus\n", "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("outptu = 'x'\n", "has no setting `outptu`: did you mean `output`?"),
        ("zzz = 'x'\n", "has no setting `zzz`: there is document, output"),
        ("perspective = 'server'\n", '`perspective` under [tool.axion-gen] is "application" or'),
        ("perspective = 3\n", '`perspective` under [tool.axion-gen] is "application" or'),
        ("root = ''\n", "`root` under [tool.axion-gen] is not a text"),
        ("handlers = ['a']\n", "`handlers` under [tool.axion-gen] is not a text"),
        ("remote = 'https://a/'\n", "`remote` under [tool.axion-gen] is not a list"),
        ("remote = ['http://a/']\n", "`remote` under [tool.axion-gen] is not a list"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_its_file(
    tmp_path: Path, settings: str, said: str
) -> None:
    project(tmp_path, settings)
    for arguments in (["api/asyncapi.yaml"], ["api/asyncapi.yaml", "--output", "bus"]):
        answer = run(*arguments, cwd=tmp_path)
        assert answer.code == 2
        assert answer.err.startswith("error pyproject.toml: ")
        assert said in answer.err
    assert not (tmp_path / "src").exists()


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    project(tmp_path, "root = 3\noutptu = 4\n")
    assert len(run("api/asyncapi.yaml", cwd=tmp_path).err.splitlines()) == 2


@pytest.mark.parametrize("table", ["[tool]\naxion-gen = 3\n", "[[tool.axion-gen]]\n"])
def test_settings_that_are_no_table(tmp_path: Path, table: str) -> None:
    project(tmp_path)
    (tmp_path / "pyproject.toml").write_text(table)
    answer = run("api/asyncapi.yaml", cwd=tmp_path)
    assert (answer.code, answer.err) == (
        2,
        "error pyproject.toml: `tool.axion-gen` is no table\n",
    )


def test_no_document_is_asked_for(tmp_path: Path) -> None:
    project(tmp_path)
    answer = run(cwd=tmp_path)
    assert answer.code == 2
    assert "which document?" in answer.err
    assert '`document = "asyncapi.yaml"`' in answer.err


def test_a_broken_pyproject_is_passed_over_where_options_say_all(tmp_path: Path) -> None:
    """As Copier leaves it for a moment after an update with conflicts."""
    project(tmp_path)
    (tmp_path / "pyproject.toml").write_text("<<<<<<< before updating\n")
    answer = run("api/asyncapi.yaml", "--output", "bus", cwd=tmp_path)
    assert answer.code == 0
    assert "pyproject.toml cannot be read, only options count" in answer.err


def test_an_option_goes_before_a_setting(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_text(small())
    (tmp_path / "pyproject.toml").write_text(PROJECT + "perspective = 'client'\n")
    assert run("asyncapi.yaml", cwd=tmp_path).code == 0
    handlers = tmp_path / "src" / "items" / "bus" / "handlers.py"
    assert "on_thing_made" not in handlers.read_text()
    assert run("asyncapi.yaml", "--perspective", "application", cwd=tmp_path).code == 0
    assert "on_thing_made" in handlers.read_text()


def test_another_setting_is_a_change_though_no_file_has_changed(tmp_path: Path) -> None:
    generated(tmp_path)
    assert run("api/asyncapi.yaml", "--check", cwd=tmp_path).code == 0
    (tmp_path / "pyproject.toml").write_text(PROJECT + "perspective = 'client'\n")
    answer = run("api/asyncapi.yaml", "--check", "--format", "json", cwd=tmp_path)
    assert answer.code == 1
    changed = [file["path"] for file in json.loads(answer.out)["files"]]
    assert changed == ["axion.lock", "client.py", "handlers.py", "topics.py"]


def test_a_folder_above_may_be_allowed(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "thing.yaml").write_text("type: object\n")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "asyncapi.yaml").write_text(
        small(payload="{$ref: '../shared/thing.yaml'}")
    )
    pyproject = tmp_path / "service" / "pyproject.toml"
    pyproject.write_text("[tool.axion-gen]\noutput = 'bus'\n")
    assert run("asyncapi.yaml", cwd=tmp_path / "service").code == 2
    pyproject.write_text("[tool.axion-gen]\noutput = 'bus'\nroot = '..'\n")
    assert run("asyncapi.yaml", cwd=tmp_path / "service").code == 0


@pytest.mark.parametrize("how", ["setting", "option"])
def test_what_is_on_the_network_is_read_where_that_is_allowed(tmp_path: Path, how: str) -> None:
    url = "https://schemas.example.org/v1/thing.yaml"
    document = tmp_path / "asyncapi.yaml"
    document.write_text(small(payload=f"{{$ref: '{url}'}}"))
    settings = "[tool.axion-gen]\noutput = 'bus'\n"
    (tmp_path / "pyproject.toml").write_text(settings)
    answer = run("asyncapi.yaml", cwd=tmp_path)
    assert (answer.code, "nothing allows to read it" in answer.err) == (2, True)
    arguments = ["--remote", "https://schemas.example.org/v1/"] if how == "option" else []
    if how == "setting":
        (tmp_path / "pyproject.toml").write_text(
            f"{settings}remote = ['https://schemas.example.org/v1/']\n"
        )
    # A run has fetched it, so that this one needs no network.
    copy = Remote(document).path(url)
    copy.parent.mkdir()
    copy.write_text("type: object\nproperties: {size: {type: integer}}\n")
    lock = {"file": copy.name, "sha256": hashlib.sha256(copy.read_bytes()).hexdigest()}
    (copy.parent / LOCK).write_text(json.dumps({"documents": {url: lock}}))
    assert run("asyncapi.yaml", *arguments, cwd=tmp_path).code == 0
    assert "size" in (tmp_path / "bus" / "messages.py").read_text()
    assert run("asyncapi.yaml", "--check", *arguments, cwd=tmp_path).code == 0
    copy.write_text("type: object\n")
    answer = run("asyncapi.yaml", "--check", *arguments, cwd=tmp_path)
    assert (answer.code, f"{copy.name} is not what {LOCK} says" in answer.err) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--check", "--watch"],
        ["--check", "--dry-run"],
        ["--check", "--stubs"],
        ["--diff", "--overwrite"],
        ["--dry-run", "--refresh"],
        ["--out", "bus"],
    ],
)
def test_options_that_make_no_sense_together(tmp_path: Path, arguments: list[str]) -> None:
    project(tmp_path)
    answer = run("api/asyncapi.yaml", *arguments, cwd=tmp_path)
    assert answer.code == 2
    assert answer.err
    assert not (tmp_path / "src").exists()

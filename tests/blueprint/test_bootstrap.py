"""How the generator finds an environment, whatever Python Copier runs on."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from .conftest import BIN, Finished, run

COMMAND = ("asyncapi.yaml", "--output", "src/items/bus")


@pytest.fixture
def contract(service: Path, tmp_path: Path) -> Path:
    """A folder with a contract and nothing else."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "asyncapi.yaml").write_bytes((service / "asyncapi.yaml").read_bytes())
    return folder


def bootstrap(template: Path, python: Path | str, folder: Path, **environment: str) -> Finished:
    return run(python, template / "generator" / "bootstrap.py", *COMMAND, cwd=folder, **environment)


def bare_python(folder: Path) -> Path:
    """A Python without a single distribution."""
    venv.create(folder, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def path_without_uv(folder: Path) -> str:
    """A PATH on which nothing is found."""
    folder.mkdir()
    return str(folder)


def test_a_python_that_has_the_dependencies_runs_it_from_the_clone(
    template: Path, contract: Path
) -> None:
    done = bootstrap(template, sys.executable, contract)
    assert done.returncode == 0, done.stderr
    assert (contract / "src" / "items" / "bus" / "axion.lock").exists()
    assert list(template.rglob("__pycache__")) == []


def test_without_any_way_it_says_what_to_do(template: Path, contract: Path, tmp_path: Path) -> None:
    done = bootstrap(
        template,
        bare_python(tmp_path / "bare"),
        contract,
        PATH=path_without_uv(tmp_path / "empty"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        LOCALAPPDATA=str(tmp_path / "cache"),
        HOME=str(tmp_path),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path / "empty"),
    )
    assert done.returncode == 1
    assert "Install uv" in done.stderr
    assert "python <clone>/generator/bootstrap.py asyncapi.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (contract / "src").exists()


def test_a_private_environment_is_made_once(template: Path, contract: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": path_without_uv(tmp_path / "empty"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "LOCALAPPDATA": str(tmp_path / "cache"),
    }
    python = bare_python(tmp_path / "bare")
    first = bootstrap(template, python, contract, **environment)
    assert first.returncode == 0, first.stderr
    assert "installing what it needs" in first.stderr
    again = bootstrap(template, python, contract, **environment)
    assert again.returncode == 0, again.stderr
    assert "installing" not in again.stderr
    assert (contract / "src" / "items" / "bus" / "axion.lock").exists()


def test_uvx_makes_an_environment(template: Path, contract: Path, tmp_path: Path) -> None:
    done = bootstrap(template, bare_python(tmp_path / "bare"), contract, PATH=f"{BIN}:{os.defpath}")
    assert done.returncode == 0, done.stderr
    assert "running it with uvx" in done.stderr
    assert (contract / "src" / "items" / "bus" / "axion.lock").exists()


def test_the_script_can_be_read_by_the_oldest_python_of_copier(template: Path) -> None:
    script = (template / "generator" / "bootstrap.py").read_text(encoding="utf-8")
    compile(script, "bootstrap.py", "exec", dont_inherit=True)
    done = subprocess.run(
        [BIN / "ruff", "check", "--isolated", "--target-version=py310", "--select=F", "-"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout

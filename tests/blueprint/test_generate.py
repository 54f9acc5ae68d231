"""`make generate` in a service: axion-gen at the template's version, whatever the source's form."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import BIN, Finished, commit, copier, copy, git, run

VERSION = "v0.1.0"


@pytest.fixture(scope="module")
def copied(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of which something generated is gone, for its `make generate` to bring back."""
    folder = copy(template, tmp_path_factory.mktemp("generate") / "items")
    commit(folder, "Copy items")
    return folder


@pytest.fixture
def service(copied: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "items"
    shutil.copytree(copied, folder, ignore=shutil.ignore_patterns(".git"))
    (folder / "src" / "items" / "bus" / "topics.py").unlink()
    return folder


def answers(service: Path, source: str, version: str = VERSION) -> None:
    """Note another source, in the form that Copier would have noted it."""
    path = service / ".copier-answers.yml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("_")]
    path.write_text("\n".join([f"_commit: {version}", f"_src_path: {source}", *kept, ""]))


def generate(service: Path, path: str = f"{BIN}:{os.defpath}", **environment: str) -> Finished:
    """Run `make generate` as a person would who has nothing but make, git and Python."""
    return run(
        "make",
        f"PYTHON={sys.executable}",
        "generate",
        cwd=service,
        PATH=path,
        GIT_TERMINAL_PROMPT="0",
        **environment,
    )


def assert_generated(service: Path, done: Finished) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    check = run(sys.executable, "-m", "items.bus", "check", cwd=service, PYTHONPATH="src")
    assert check.returncode == 0, check.stdout


def instead_of(address: str, repository: Path, folder: Path) -> dict[str, str]:
    """A configuration of git by which `address` is a repository here."""
    config = folder / "gitconfig"
    config.write_text(f'[url "{repository.as_uri()}"]\n\tinsteadOf = {address}\n')
    return {"GIT_CONFIG_GLOBAL": str(config), "UV_NO_GITHUB_FAST_PATH": "1"}


def test_from_a_local_path_at_a_tag(service: Path, template: Path) -> None:
    done = generate(service)
    assert_generated(service, done)
    assert f"{template.as_uri()}@{VERSION}" in done.stderr


def test_from_a_commit_without_a_tag(template: Path, tmp_path: Path) -> None:
    untagged = tmp_path / "axion"
    git(tmp_path, "clone", "--quiet", str(template), str(untagged))
    identifiers = untagged / "generator" / "axion_gen" / "runtime" / "identifiers.py"
    identifiers.write_text(identifiers.read_text() + "\nRELEASE = 'untagged'\n")
    commit(untagged, "Behind the tag")
    done = copier("copy", "--vcs-ref=HEAD", untagged, tmp_path / "items", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    service = tmp_path / "items"
    sha = git(untagged, "rev-parse", "--short", "HEAD").strip()
    assert f"_commit: {VERSION}-1-g{sha}" in (service / ".copier-answers.yml").read_text()
    (service / "src" / "items" / "bus" / "topics.py").unlink()

    done = generate(service)

    assert_generated(service, done)
    runtime = service / "src" / "items" / "bus" / "runtime" / "identifiers.py"
    assert "RELEASE = 'untagged'" in runtime.read_text()


@pytest.mark.parametrize(
    ("source", "fetched"),
    [
        ("gh:platform/axion", "https://github.com/platform/axion"),
        ("gl:platform/axion.git", "https://gitlab.com/platform/axion.git"),
        ("git@git.example.com:platform/axion.git", "ssh://git@git.example.com/platform/axion.git"),
        ("git+https://git.example.com/axion", "https://git.example.com/axion"),
        ("ssh://git@git.example.com:2222/axion", "ssh://git@git.example.com:2222/axion"),
    ],
)
def test_from_an_address_in_any_form_of_copier(
    service: Path, template: Path, tmp_path: Path, source: str, fetched: str
) -> None:
    answers(service, source)
    done = generate(service, **instead_of(fetched, template, tmp_path))
    assert f"axion-gen: from git+{fetched}@{VERSION}\n" in done.stderr
    assert_generated(service, done)


def test_a_token_in_the_address_is_in_no_file(template: Path, tmp_path: Path) -> None:
    address = "https://git.example.com/axion.git"
    token = "https://ada:s3cr3t-t0k3n@git.example.com/axion.git"
    rewriting = instead_of(token, template, tmp_path)
    config = tmp_path / "gitconfig"
    config.write_text(config.read_text() + f"\tinsteadOf = {address}\n")
    service = tmp_path / "items"
    done = copier("copy", f"git+{token}", service, cwd=tmp_path, **rewriting)
    assert done.returncode == 0, done.stderr
    assert address in (service / ".copier-answers.yml").read_text()
    (service / "src" / "items" / "bus" / "topics.py").unlink()

    done = generate(service, **rewriting)

    assert_generated(service, done)
    assert "s3cr3t" not in done.stdout + done.stderr
    for path in service.rglob("*"):
        assert not path.is_file() or b"s3cr3t" not in path.read_bytes(), path


def test_without_uv_pip_makes_an_environment_once(service: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("git", "make", "sh"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)

    first = generate(service, path=str(tools))
    assert_generated(service, first)
    assert "installing it into .venv-axion-gen" in first.stderr

    (service / "src" / "items" / "bus" / "topics.py").unlink()
    again = generate(service, path=str(tools))
    assert_generated(service, again)
    assert "installing" not in again.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("../axion", "'../axion', and nobody knows any more from where"),
        ("axion", "write the template's URL or its whole path"),
    ],
)
def test_a_source_that_cannot_be_found_again_is_told(service: Path, source: str, said: str) -> None:
    answers(service, source)
    done = generate(service)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_answers_that_are_missing_are_told(service: Path) -> None:
    answers_file = service / ".copier-answers.yml"
    answers_file.write_text("service_name: items\n")
    told = generate(service)
    answers_file.unlink()
    gone = generate(service)
    assert "does not say _src_path" in told.stderr
    assert ".copier-answers.yml" in gone.stderr
    assert "Traceback" not in told.stderr + gone.stderr


def test_a_long_path_with_spaces_is_read_as_copier_folds_it(template: Path, tmp_path: Path) -> None:
    deep = tmp_path / "a folder of somebody who likes long names" / "and another one with spaces"
    deep.mkdir(parents=True)
    git(tmp_path, "clone", "--quiet", str(template), str(deep / "axion"))
    service = copy(deep / "axion", tmp_path / "items")
    (service / "src" / "items" / "bus" / "topics.py").unlink()
    assert_generated(service, generate(service))

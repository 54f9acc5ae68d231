"""How base, overlays and answers fit together (what Copier does if they do not is no error)."""

import keyword
import re
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from .conftest import ROOT, copier, git

TEMPLATE = ROOT / "template"
CHOSEN = (ROOT / "copier.yml").read_text().partition("\nblueprint:")[2].partition("\n\n")[0]
BLUEPRINTS = re.findall(r": '([a-z-]+)'[,}]", CHOSEN)
OVERLAYS = [TEMPLATE / f"{{{{ {name.replace('-', '_')} }}}}" for name in BLUEPRINTS]


def tracked(repository: Path) -> list[str]:
    return git(repository, "ls-files", "--stage").splitlines()


def rendered_paths(tree: Path) -> list[PurePosixPath]:
    files = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file()]
    return [PurePosixPath(path.as_posix().removesuffix(".jinja")) for path in files]


def test_no_path_is_in_two_trees() -> None:
    overlays = {overlay.name for overlay in OVERLAYS}
    base = [path for path in rendered_paths(TEMPLATE) if path.parts[0] not in overlays]
    everywhere = Counter([*base, *(path for tree in OVERLAYS for path in rendered_paths(tree))])
    assert OVERLAYS
    assert [path for path, count in everywhere.items() if count > 1] == []


def test_each_blueprint_has_a_tree_questions_and_a_page() -> None:
    assert BLUEPRINTS
    for name, overlay in zip(BLUEPRINTS, OVERLAYS, strict=True):
        assert overlay.is_dir()
        assert (ROOT / "blueprints" / name / "README.md").exists()
        assert f"!include blueprints/{name}/questions.yml" in (ROOT / "copier.yml").read_text()


def test_there_is_no_symbolic_link_in_what_is_rendered(template: Path) -> None:
    links = [line for line in tracked(template) if line.startswith("120000")]
    assert [line for line in links if "\ttemplate/" in line or "\tblueprints/" in line] == []


def test_a_checkout_without_symbolic_links_is_copied_alike(
    template: Path, service: Path, tmp_path: Path
) -> None:
    git_config = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.symlinks",
        "GIT_CONFIG_VALUE_0": "false",
    }
    done = copier("copy", template, tmp_path / "items", cwd=tmp_path, **git_config)
    assert done.returncode == 0, done.stderr
    for line in tracked(service):
        path = line.partition("\t")[2]
        assert (tmp_path / "items" / path).read_bytes() == (service / path).read_bytes(), path


def test_no_file_is_shipped_that_the_service_ignores(service: Path) -> None:
    ignored = git(service, "ls-files", "--cached", "--ignored", "--exclude-standard")
    assert ignored == ""


def words(name: str) -> set[str]:
    text = (ROOT / "blueprints" / "answers.jinja").read_text()
    found = re.search(rf"set {name} -%}}(.*?){{%- endset", text, re.DOTALL)
    assert found is not None
    return set(found[1].split())


def test_a_package_is_never_named_like_what_python_has() -> None:
    taken = {*keyword.kwlist, *sys.stdlib_module_names, "pydantic", "fastapi", "aiokafka"}
    candidates = {name for name in taken if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    assert candidates - words("packages") == set()


@pytest.mark.parametrize("name", ["list", "class", "match", "operation", "handler"])
def test_a_resource_is_never_named_like_what_the_service_has(name: str) -> None:
    assert name in words("names")

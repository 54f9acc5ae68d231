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
SHARED = {"{{ with_bus }}", "{{ with_database }}"}
CONDITION = re.compile(r"{%.*?%}")
OVERLAYS = [TEMPLATE / f"{{{{ {name.replace('-', '_')} }}}}" for name in BLUEPRINTS]


def tracked(repository: Path) -> list[str]:
    return git(repository, "ls-files", "--stage").splitlines()


def rendered_paths(blueprint: str) -> list[PurePosixPath]:
    """The paths of everything that may be rendered for a blueprint, whatever the answers."""
    own = "{{ " + blueprint.replace("-", "_") + " }}"
    trees = {own, *SHARED} if blueprint != "http-gateway" else {own}
    left_out = {overlay.name for overlay in OVERLAYS} | SHARED
    paths = []
    for path in TEMPLATE.rglob("*"):
        parts = path.relative_to(TEMPLATE).parts
        if path.is_file() and not left_out - trees & set(parts):
            kept = (CONDITION.sub("", part) for part in parts if part not in trees)
            paths.append(PurePosixPath("/".join(kept).removesuffix(".jinja")))
    return paths


@pytest.mark.parametrize("blueprint", BLUEPRINTS)
def test_no_path_is_in_two_trees(blueprint: str) -> None:
    paths = Counter(rendered_paths(blueprint))
    assert PurePosixPath("README.md") in paths
    assert [path for path, count in paths.items() if count > 1] == []


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

"""The versions of the template: what they ask, and which of them a service may come from."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from .conftest import ROOT, git, run

RELEASES: dict[str, str] = tomllib.loads((Path(__file__).parent / "releases.toml").read_text())[
    "versions"
]
"""Each version's commit, the oldest first."""

WHOLE: Mapping[str, Mapping[str, str]] = {
    "crud-service": {"deploy": "kubernetes-keda"},
    "event-worker": {"store": "sql", "deploy": "kubernetes-keda"},
    "http-gateway": {"auth": "oidc", "deploy": "kubernetes-keda"},
}
"""Answers that give a service of a blueprint every file that the template has for it."""

Read = Callable[[str], str]
"""A file of some version of this repository, by its path."""


def here(path: str) -> str:
    """A file as it lies here."""
    return (ROOT / path).read_text(encoding="utf-8")


def at(commit: str) -> Read:
    """The files of a commit."""
    return lambda path: git(ROOT, "show", f"{commit}:{path}")


def present(commit: str) -> bool:
    """Whether a commit is in this clone: a shallow one lacks the older ones."""
    return run("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=ROOT).returncode == 0


def configuration(read: Read) -> dict[str, Any]:
    """`copier.yml` with what it includes, as Copier reads it."""

    class Loader(yaml.SafeLoader):
        """YAML with Copier's !include."""

    def include(loader: Loader, node: yaml.ScalarNode) -> Any:
        return yaml.load(read(str(loader.construct_scalar(node))), Loader)

    Loader.add_constructor("!include", include)
    merged: dict[str, Any] = {}
    for document in yaml.load_all(read("copier.yml"), Loader):
        merged |= document
    return merged


def questions(read: Read) -> dict[str, Mapping[str, Any]]:
    """The questions that are asked; those that are computed are none."""
    return {
        name: question if isinstance(question, dict) else {"default": question}
        for name, question in configuration(read).items()
        if not name.startswith("_")
        and not (isinstance(question, dict) and question.get("when") is False)
    }


def choices(question: Mapping[str, Any]) -> list[Any]:
    """The answers that a question offers; none, if any will do."""
    offered = question.get("choices", [])
    if isinstance(offered, str):
        conf = {"data": {}, "skip_tasks": False}
        offered = yaml.safe_load(jinja2.Template(offered).render(_copier_conf=conf))
    values = offered.values() if isinstance(offered, dict) else offered
    return [value[-1] if isinstance(value, list) else value for value in values]


def whole(blueprint: str, read: Read) -> dict[str, str]:
    """WHOLE, as far as a version has these answers."""
    asked = questions(read)
    return {
        name: answer
        for name, answer in WHOLE.get(blueprint, {}).items()
        if name in asked and answer in choices(asked[name])
    }


def blueprints(read: Read) -> list[str]:
    """The blueprints of a version."""
    return choices(questions(read)["blueprint"])

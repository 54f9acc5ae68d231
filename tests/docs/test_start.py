"""`docs/start.md`: a message of another service is received as the page says."""

import re
from pathlib import Path
from textwrap import indent

import pytest

from ..blueprint.conftest import BIN, clone_of_repository, commit, copy, make
from .blocks import ROOT, commands, of_page

PAGE = ROOT / "docs" / "start.md"
PLACES = (r"^channels:\n", r"^operations:\n", r"^components:\n  messages:\n")
YAML = [block.text for block in of_page(PAGE) if block.language == "yaml"]
(METHOD,) = (block.text for block in of_page(PAGE) if block.language == "python")
GENERATE, CHECK, FORMAT = [
    command.split()[1:]
    for block in of_page(PAGE)
    for command in commands(block)
    if re.match("make (generate|check|format)", command)
][-3:]
AXION_GEN = f"AXION_GEN={BIN / 'axion-gen'}"  # that of this clone, and no other environment


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with the defaults, its contract changed as the page says."""
    template = clone_of_repository(tmp_path_factory.mktemp("template") / "axion")
    service = copy(template, tmp_path_factory.mktemp("start") / "items")
    commit(service, "Copy items")
    contract = service / "asyncapi.yaml"
    text = contract.read_text()
    for place, addition in zip(PLACES, YAML, strict=True):
        text = re.sub(place, rf"\g<0>{addition}", text, flags=re.MULTILINE)
    contract.write_text(text)
    return service


def test_a_message_is_added_and_cannot_be_forgotten(service: Path) -> None:
    generated = make(service, *GENERATE, AXION_GEN)
    assert generated.returncode == 0, generated.stderr
    assert "lacks on_project_deleted" in generated.stdout + generated.stderr

    checked = make(service, *CHECK)
    assert checked.returncode != 0
    assert re.search("handlers.py.*ItemHandlers.*on_project_deleted", checked.stdout)

    handlers = service / "src" / "items" / "handlers.py"
    text = handlers.read_text()
    text = text.replace("from typing import", "import logging\nfrom typing import", 1)
    messages = "from .bus.messages import (\n"
    text = text.replace(messages, f"{messages}    ProjectDeleted,\n", 1)
    handlers.write_text(f"{text}\n{indent(METHOD, '    ')}")
    checked = make(service, *FORMAT)
    assert checked.returncode == 0, checked.stdout + checked.stderr

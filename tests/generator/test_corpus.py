"""Documents of other projects: collected only with `--corpus PATH`."""

import re
from pathlib import Path

import pytest

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.asyncapi.rules import RULES, Severity
from axion_gen.render import render

VERSION_3_0 = re.compile(r"""^\s*["']?asyncapi["']?\s*:\s*["']?3\.0""", re.MULTILINE)


def documents(corpus: Path, kind: str) -> list[Path]:
    """The documents of version 3.0; the other files are what they refer to."""
    files = [path for path in sorted((corpus / kind).rglob("*")) if path.is_file()]
    found = [path for path in files if VERSION_3_0.search(path.read_text(encoding="utf-8"))]
    assert found, f"no documents in {corpus / kind}"
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kind = metafunc.function.__name__.removeprefix("test_")
    corpus = metafunc.config.getoption("--corpus")
    if corpus is None:
        raise pytest.UsageError("where is the corpus? Use --corpus PATH")
    metafunc.parametrize("document", documents(corpus, kind), ids=lambda path: path.name[-60:])


def test_valid(document: Path, tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    contract = read_contract(document, diagnostics)
    files = render(contract, tmp_path / "bus", diagnostics) if contract is not None else None
    if files is None:
        wrong = [f for f in diagnostics if f.severity is Severity.ERROR]
        assert wrong
        assert [finding for finding in wrong if not RULES[finding.rule].not_yet] == []
        return
    for name, text in files.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_invalid(document: Path) -> None:
    diagnostics = Diagnostics()
    assert read_contract(document, diagnostics) is None
    assert diagnostics.has_errors

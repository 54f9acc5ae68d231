"""Invalid documents of other projects, and where each is wrong: run only with `--corpus`."""

import csv
from pathlib import Path

import pytest

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.asyncapi.rules import Severity

TABLE = Path(__file__).with_name("invalid.tsv")


def faults() -> dict[str, set[tuple[int, str]]]:
    """Line and rule of what is wrong with each document, by its name."""
    found: dict[str, set[tuple[int, str]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            name = found.setdefault(row["file"], set())
            if row["rule"]:
                name.add((int(row["line"]), row["rule"]))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "document" in metafunc.fixturenames:
        corpus = metafunc.config.getoption("--corpus")
        paths = sorted((corpus / "invalid").iterdir()) if corpus else []
        metafunc.parametrize("document", paths, ids=lambda path: path.name[-60:])


def test_each_fault_is_found_where_it_is(document: Path) -> None:
    diagnostics = Diagnostics()
    read_contract(document, diagnostics)
    said = {
        (finding.location.line, finding.rule)
        for finding in diagnostics
        if finding.severity is Severity.ERROR
    }
    assert said == faults()[document.name]


def test_the_table_is_in_order() -> None:
    names = list(faults())
    assert names == sorted(names)

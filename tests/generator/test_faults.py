"""One document for each fault that was found, and what comes of it now."""

from pathlib import Path

import pytest

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.asyncapi.rules import Severity
from axion_gen.output import write
from axion_gen.render import render

from .generating import imported

FAULTS = Path(__file__).parent / "faults"

# Line and rule of each error; none: a package that can be imported.
OUTCOMES: dict[str, set[tuple[int, str]]] = {
    # Reading the address raised.
    "reference-that-is-no-address.yaml": {(5, "reference-remote")},
    # Lines after one of these were counted as editors do not count them.
    "line-separator.yaml": {(5, "schema-keyword")},
    "carriage-return.yaml": {(5, "schema-keyword")},
    # Python refuses to write what it read.
    "hexadecimal-number.yaml": {(5, "syntax")},
    "whole-number-beyond-floats.yaml": {(5, "syntax")},
    # Two pointers, each through the other.
    "pointer-through-itself.yaml": {(5, "reference-dangling"), (6, "reference-dangling")},
    # A message that is one of itself.
    "message-of-itself.yaml": set(),
    # `Nothing | None` with `Nothing = None` was no type: the package could not be imported.
    "null-that-may-be-absent.yaml": set(),
    # A key of several types raised.
    "key-that-may-be-null.yaml": set(),
    # What validates took no sizes of more than 64 bits: the package could not be imported.
    "size-beyond-measure.yaml": set(),
    "size-that-nothing-has.yaml": {(7, "schema-contradiction")},
    # fastavro raised: the package could not be imported.
    "namespace-that-is-no-text.yaml": {(13, "avro-schema")},
}


def test_each_document_has_an_outcome() -> None:
    documents = {path.name for path in FAULTS.iterdir() if path.suffix != ".md"}
    assert documents == set(OUTCOMES)


@pytest.mark.parametrize(("name", "errors"), OUTCOMES.items(), ids=OUTCOMES)
def test_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, errors: set[tuple[int, str]]
) -> None:
    found = Diagnostics()
    contract = read_contract(FAULTS / name, found)
    module = "fault_" + name.partition(".")[0].replace("-", "_")
    bus = tmp_path / module / "bus"
    files = render(contract, bus, found) if contract is not None else None
    said = {(f.location.line, f.rule) for f in found if f.severity is Severity.ERROR}
    assert said == errors
    assert (files is None) == bool(errors)
    if files is not None:
        write(bus, files)
        imported(monkeypatch, tmp_path, f"{module}.bus.handlers")
        imported(monkeypatch, tmp_path, f"{module}.bus.client")

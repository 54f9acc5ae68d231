"""Documents of other projects: collected only with `--corpus PATH`."""

import csv
from pathlib import Path
from typing import Final

import pytest

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.asyncapi.rules import Severity
from axion_gen.render import render

REFUSED: Final = {
    # It is right, and not generated yet.
    "protovalidate-simple.result.json": "unsupported-schema-format",
    "v2.6.0__schemaFormat_-_avro_payload.yml": "avro-reference",
    "asyncapi-adeo.yml": "unsupported-avro",
    "kafka-avro.yaml": "unsupported-avro",
    # It refers to the network, which nobody has allowed here.
    "adeo-kafka-request-reply-asyncapi.yml": "reference-remote",
    "casestudies__adeo__asyncapi.yaml": "reference-remote",
    # It counts as valid where only its structure is looked at.
    "add-oneof-message.before.json": "reference-dangling",
}
"""What is said, with whatever else, of the documents of which nothing is generated."""


def documents(corpus: Path) -> list[Path]:
    """The valid documents; the other files are what they refer to."""
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        files = [row["file"] for row in csv.DictReader(index, delimiter="\t")]
    return [corpus / file for file in files if file.startswith("valid/")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    corpus = metafunc.config.getoption("--corpus")
    if corpus is None:
        raise pytest.UsageError("where is the corpus? Use --corpus PATH")
    metafunc.parametrize("document", documents(corpus), ids=lambda path: path.name[-60:])


def test_valid(document: Path, tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    # One of several files lies in a folder of its own, however deep, from which all are taken.
    whole = next((folder for folder in document.parents if folder.suffix == ".d"), None)
    contract = read_contract(document, diagnostics, within=whole)
    files = render(contract, tmp_path / "bus", diagnostics) if contract is not None else None
    refused = next((rule for end, rule in REFUSED.items() if document.name.endswith(end)), None)
    wrong = {finding.rule for finding in diagnostics if finding.severity is Severity.ERROR}
    assert wrong == ({refused} if refused else set()), list(diagnostics)
    for name, text in (files or {}).items():
        if name.endswith(".py"):
            compile(text, name, "exec")

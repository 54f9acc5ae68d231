"""Documents of other projects: collected only with `--corpus PATH`.

`valid.tsv` says of each what comes of it.
"""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft7Validator
from pydantic import BaseModel

from axion_gen.asyncapi import Diagnostics
from axion_gen.render.plan import plan

from .corpus import Outcome, Payloads, documents, equal, imported, names_in, outcome, package
from .type_checkers import MYPY, checked
from .values import values_of

TABLE = Path(__file__).with_name("valid.tsv")
VALUES = 25
"""How many values are made for each message."""


def table() -> dict[str, tuple[str, str, str]]:
    """Of each document its topics, its messages, and the rules that it breaks."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            row["file"]: (row["topics"], row["messages"], row["errors"])
            for row in csv.DictReader(file, delimiter="\t")
        }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    corpus = metafunc.config.getoption("--corpus")
    if corpus is None:
        raise pytest.UsageError("where is the corpus? Use --corpus PATH")
    if "document" in metafunc.fixturenames:
        metafunc.parametrize("document", documents(corpus), ids=lambda path: path.name[-60:])


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest) -> Path:
    path: Path = request.config.getoption("--corpus")
    return path


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


_outcomes: dict[Path, Outcome] = {}


def of(corpus: Path, document: Path, packages: Path) -> tuple[Outcome, str]:
    """What comes of a document, and the package it was written to."""
    name = f"p{documents(corpus).index(document)}"
    if document not in _outcomes:
        _outcomes[document] = outcome(corpus, document)
        package(packages, name, _outcomes[document].files)
    return _outcomes[document], name


def test_what_comes_of_it(corpus: Path, document: Path, packages: Path) -> None:
    made, _ = of(corpus, document, packages)
    contract = made.contract
    topics = contract.topics if contract is not None else ()
    messages = {message for topic in topics for message in topic.messages}
    came = (str(len(topics)), str(len(messages)), " ".join(made.errors))
    assert came == table()[document.relative_to(corpus / "valid").as_posix()]


def test_round_trips(corpus: Path, document: Path, packages: Path) -> None:
    made, name = of(corpus, document, packages)
    if made.contract is None or not made.files:
        pytest.skip("nothing is generated")
    module = imported(packages, name)
    if "examples.py" in made.files:
        imported(packages, name, "examples")
    names = plan(made.contract, Diagnostics())
    assert names is not None
    payloads = Payloads(made.contract, corpus)
    for message, class_ in names.classes.items():
        if message.payload is None or message.avro is not None:
            continue
        schema = payloads.schema(message.payload)
        model: type[BaseModel] = getattr(module, class_)
        assert schema is not None, message.name
        # Of options that are open, the one that is meant leaves out what only others know.
        known = set() if payloads.told_by_name else set(names_in(schema))
        for example in message.examples:
            if Draft7Validator(schema).is_valid(example.payload) and example.payload is not None:
                check(model, example.payload, known)
        made_of(schema, model, known)


def made_of(schema: object, model: type[BaseModel], known: set[str]) -> None:
    """Make values of a schema, and check that each goes through the model."""

    @settings(
        max_examples=VALUES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(values_of(schema))
    def each(value: object) -> None:
        if value is not None:  # it would be a tombstone
            check(model, value, known)

    try:
        each()
    except Unsatisfiable:
        return  # nothing fulfils it, or what does is too rare to be found


def test_mypy_takes_all_of_them(corpus: Path, packages: Path) -> None:
    for document in documents(corpus):
        of(corpus, document, packages)
    folders = sorted(path.name for path in packages.iterdir() if any(path.iterdir()))
    said = checked(packages, *MYPY, *folders)
    assert "Success" in said, said


def check(model: type[BaseModel], value: object, known: set[str]) -> None:
    text = json.dumps(value)
    read = model.__pydantic_validator__.validate_json(text)
    written = model.__pydantic_serializer__.to_json(read, by_alias=True, exclude_unset=True)
    assert equal(value, json.loads(written), known), (text, written)
    assert model.__pydantic_validator__.validate_json(written) == read

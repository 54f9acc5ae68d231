"""Avro schemas as types, whose values fastavro writes and reads."""

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from textwrap import indent
from typing import Any
from uuid import UUID

import fastavro
import pytest
from pydantic import BaseModel, ValidationError

from .generating import found_in, small
from .modelling import Models, models

EVERYTHING = """
type: record
name: Everything
namespace: org.example
doc: All there is.
fields:
  - {name: text, type: string, doc: Some text.}
  - {name: whole, type: int}
  - {name: large, type: long}
  - {name: real, type: double}
  - {name: yes, type: boolean}
  - {name: raw, type: bytes}
  - {name: hash, type: {type: fixed, name: Hash, size: 4}}
  - {name: colour, type: {type: enum, name: Colour, symbols: [RED, GREEN]}}
  - {name: other, type: Colour}
  - {name: texts, type: {type: array, items: string}}
  - {name: counts, type: {type: map, values: long}}
  - {name: maybe, type: ['null', string], default: null}
  - {name: either, type: [string, long, 'null']}
  - {name: preset, type: string, default: x}
  - {name: next, type: ['null', Everything], default: null}
  - {name: inner, type: {type: record, name: Inner, fields: [{name: a, type: string}]}}
  - {name: price, type: {type: bytes, logicalType: decimal, precision: 9, scale: 2}}
  - {name: id, type: {type: string, logicalType: uuid}}
  - {name: day, type: {type: int, logicalType: date}}
  - {name: hour, type: {type: long, logicalType: time-micros}}
  - {name: at, type: {type: long, logicalType: timestamp-millis}}
  - {name: local, type: {type: long, logicalType: local-timestamp-micros}}
"""
VALUES: dict[str, Any] = {
    "text": "x",
    "whole": 1,
    "large": 2**40,
    "real": 0.5,
    "yes": True,
    "raw": b"\x00\xff",
    "hash": b"abcd",
    "colour": "RED",
    "other": "GREEN",
    "texts": ["a"],
    "counts": {"a": 1},
    "either": 3,
    "inner": {"a": "x"},
    "price": Decimal("1.50"),
    "id": UUID(int=7),
    "day": date(2024, 2, 29),
    "hour": time(1, 2, 3, 4),
    "at": datetime(2024, 2, 29, 12, tzinfo=UTC),
    "local": datetime(2024, 2, 29, 12),
}


def avro_models(folder: Path, schema: str, *, beside: str = "{}") -> Models:
    """The models of a payload in Avro."""
    text = (
        f"schemaFormat: application/vnd.apache.avro;version=1.9.0\nschema:\n{indent(schema, '  ')}"
    )
    return models(folder, text, beside)


def schema_of(made: Models) -> Any:
    """The schema of the payload, as it is resolved."""
    (message,) = made.contract.topics[0].messages
    assert message.avro is not None
    return message.avro.schema


def through_avro(schema: Any, message: BaseModel) -> Any:
    """What is read of a message that was written."""
    parsed = fastavro.parse_schema(schema)
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, parsed, message.model_dump(by_alias=True))
    stream.seek(0)
    return fastavro.schemaless_reader(stream, parsed, parsed)


def test_everything_goes_through(tmp_path: Path) -> None:
    made = avro_models(tmp_path, EVERYTHING)
    model = made["Everything"]
    message = model(**VALUES)
    again = model.model_validate(through_avro(schema_of(made), message))
    assert again.model_dump() == message.model_dump() | {"maybe": None, "next": None}
    assert '"""Some text."""' in made.source
    assert '"""All there is."""' in made.source
    nested = model(**VALUES, maybe="m", next=message, preset="y")
    read = model.model_validate(through_avro(schema_of(made), nested))
    assert read.next.text == "x"  # type: ignore[attr-defined]
    assert read.preset == "y"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [{"whole": 2**31}, {"hash": b"abc"}, {"colour": "BLUE"}, {"either": 1.5}, {"inner": {}}],
)
def test_what_is_sent_is_validated(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        avro_models(tmp_path, EVERYTHING)["Everything"](**(VALUES | wrong))


def test_a_named_type_is_one_wherever_it_is_referred_to(tmp_path: Path) -> None:
    part = "{name: A, namespace: n, type: record, fields: [{name: x, type: string}]}"
    schema = """
type: record
name: Two
fields:
  - {name: one, type: {$ref: '#/components/schemas/A/schema'}}
  - {name: two, type: {$ref: '#/components/schemas/A/schema'}}
  - {name: three, type: {type: array, items: n.A}}
"""
    beside = f"A: {{schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: {part}}}"
    made = avro_models(tmp_path, schema, beside=beside)
    assert made.source.count("class A(") == 1
    message = made["Two"].model_validate({"one": {"x": "1"}, "two": {"x": "2"}, "three": []})
    assert made["Two"].model_validate(through_avro(schema_of(made), message)) == message


RECORD = "{{type: record, name: R, namespace: n, fields: [{{name: a, type: {}}}]}}"


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("{type: enum, name: E, symbols: [a-b]}", "`a-b` is no symbol in Avro"),
        ("{type: enum, name: E, symbols: [A, A]}", "has each symbol once"),
        ("{type: enum, name: E, symbols: [A], default: B}", "is one of its symbols"),
        ("{type: enum, name: a-b, symbols: [A]}", "`a-b` is no name in Avro"),
        ("{type: fixed, name: F, size: 0}", "has a `size`"),
        ("{type: bytes, logicalType: decimal}", "has a `precision`"),
        ("{type: bytes, logicalType: decimal, precision: 2, scale: 3}", "from 0 to its precision"),
        ("{type: fixed, name: F, size: 2, logicalType: decimal, precision: 5}", "more than 4"),
        ("[string, string]", "each type once"),
        ("['null', [string]]", "no other union"),
        ("[]", "has types"),
        ("{type: record, name: T, fields: [{name: x-y, type: int}]}", "`x-y` is no name in Avro"),
        (
            "{type: record, name: T, fields: [{name: x, type: int}, {name: x, type: int}]}",
            "has each field once",
        ),
        ("{type: record, name: R, fields: []}", "`n.R` is something else further up"),
        ("Missing", "`Missing` is no type of Avro"),
    ],
)
def test_what_fastavro_or_a_registry_would_refuse(tmp_path: Path, type_: str, said: str) -> None:
    payload = f"schemaFormat: application/vnd.apache.avro\n        schema: {RECORD.format(type_)}"
    text = small(payload="X").replace("payload: X", f"payload:\n        {payload}")
    text = text.replace("        schemaFormat", "          schemaFormat")
    text = text.replace("        schema:", "          schema:")
    found = [(finding.rule, finding.message) for finding in found_in(tmp_path, text)]
    assert [rule for rule, _ in found] == ["avro-schema"], found
    assert said in found[0][1]


def test_a_name_from_another_schema_is_an_error(tmp_path: Path) -> None:
    text = """
    asyncapi: 3.0.0
    info: {title: Two, version: 1.0.0}
    channels:
      things:
        address: things
        messages:
          one: {payload: {$ref: '#/components/schemas/A'}}
          two: {payload: {$ref: '#/components/schemas/B'}}
    operations:
      take: {action: receive, channel: {$ref: '#/channels/things'}}
    components:
      schemas:
        A:
          schemaFormat: application/vnd.apache.avro
          schema: {type: record, name: n.A, fields: [{name: x, type: string}]}
        B:
          schemaFormat: application/vnd.apache.avro
          schema: {type: record, name: n.B, fields: [{name: a, type: A}]}
    """
    (finding,) = found_in(tmp_path, text)
    assert (finding.rule, finding.location.line) == ("avro-reference", 18)


def test_what_only_stands_around_a_type_is_left_out(tmp_path: Path) -> None:
    made = avro_models(
        tmp_path,
        """
type: record
name: R
fields:
  - {name: a, type: {type: {type: string}}}
  - {name: b, type: {type: ['null', R]}}
  - {name: c, type: {type: double}, default: 0}
  - {name: d, type: {type: R, doc: again}}
""",
    )
    schema = schema_of(made)
    assert [field["type"] for field in schema["fields"]] == [
        {"type": "string"},
        ["null", "R"],
        {"type": "double"},
        "R",
    ]
    fastavro.parse_schema(schema, _ignore_default_error=True)


def test_unions_of_records(tmp_path: Path) -> None:
    schema = """
- {type: record, name: A, fields: [{name: a, type: string}]}
- {type: record, name: B, fields: [{name: b, type: int}]}
"""
    made = avro_models(tmp_path, schema)
    assert made.read('{"b":1}').root == made["B"](b=1)  # type: ignore[attr-defined]

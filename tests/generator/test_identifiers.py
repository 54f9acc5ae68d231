"""References by `$id` and `$anchor`."""

import importlib
from pathlib import Path

import pytest

from .generating import contract_of, found_in, imported, package, small

ID = "https://schemas.example.org/order"


@pytest.mark.parametrize(
    ("reference", "keyword"),
    [
        ("#order", "$anchor: order"),
        ("#order", "$id: '#order'"),
        ("#or%20der", "$anchor: or der"),
        (ID, f"$id: {ID}"),
        (f"{ID}#", f"$id: {ID}"),
        (f"{ID}#/properties/line", f"$id: {ID}"),
        (f"{ID}#line", f"$id: {ID}"),
        ("order", "$id: order"),
    ],
)
def test_schemas_are_found_by_what_they_call_themselves(
    tmp_path: Path, reference: str, keyword: str
) -> None:
    text = small(payload=f"{{type: object, properties: {{order: {{$ref: '{reference}'}}}}}}")
    text += f"""\
components:
  schemas:
    Order: {{{keyword}, type: object, properties: {{line: {{$anchor: line, type: integer}}}}}}
"""
    contract = contract_of(tmp_path, text)
    *_, schema = contract.schemas.values()
    assert schema.definition["type"] == ("integer" if "line" in reference else "object")


def test_an_identifier_is_relative_to_the_one_around_it(tmp_path: Path) -> None:
    text = small(payload="{$ref: '#/components/schemas/Order'}")
    text += f"""\
components:
  schemas:
    Order:
      $id: {ID}/placed.json
      type: object
      properties: {{line: {{$ref: line.json}}}}
    Line: {{$id: {ID}/line.json, type: string, format: uuid}}
"""
    *_, line = contract_of(tmp_path, text).schemas.values()
    assert line.definition["format"] == "uuid"


def test_identifiers_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("Line: {$anchor: line, type: string, format: date}\n")
    text = small(payload="{type: object, properties: {line: {$ref: 'common.yaml#line'}}}")
    *_, line = contract_of(tmp_path, text).schemas.values()
    assert line.definition["format"] == "date"


def test_a_file_is_read_where_no_schema_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "line.json").write_text('{"type": "integer"}')
    text = small(payload="{$id: order, type: object, properties: {line: {$ref: line.json}}}")
    *_, line = contract_of(tmp_path, text).schemas.values()
    assert line.definition["type"] == "integer"


def test_the_class_is_called_by_the_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "asyncapi.yaml"
    line = "{$anchor: order-line, type: object, properties: {count: {type: integer}}}"
    document.write_text(
        small(
            payload=f"{{properties: {{line: {{$ref: '#order-line'}}}}, definitions: {{L: {line}}}}}"
        )
    )
    package(tmp_path, document, "anchored")
    messages = imported(monkeypatch, tmp_path, "anchored.bus.messages")
    made = messages.ThingMade.model_validate_json('{"line": {"count": 1}}')
    assert made.line == messages.OrderLine(count=1)
    assert importlib.import_module("anchored.bus.topics").CONTRACT.topics


@pytest.mark.parametrize(
    ("schemas", "reference", "said"),
    [
        ("A: {$anchor: x}, B: {$anchor: x}", "#x", "on line"),
        (f"A: {{$id: '{ID}'}}, B: {{$id: '{ID}'}}", ID, "on line"),
        ("A: {$anchor: x}", "#y", "no schema's `$anchor`"),
        ("A: {examples: [{$anchor: x}], default: {$anchor: x}}", "#x", "no schema's `$anchor`"),
        ("A: {$anchor: [x], $id: 1}", "#x", "no schema's `$anchor`"),
    ],
)
def test_names_that_are_none(tmp_path: Path, schemas: str, reference: str, said: str) -> None:
    text = small(payload=f"{{type: object, properties: {{x: {{$ref: '{reference}'}}}}}}")
    found = found_in(tmp_path, f"{text}components: {{schemas: {{{schemas}}}}}\n")
    malformed = [finding for finding in found if finding.rule == "reference-malformed"]
    assert len(malformed) == 1
    assert said in malformed[0].message


def test_an_anchor_that_leads_to_itself(tmp_path: Path) -> None:
    text = small(payload="{$ref: '#x'}")
    text += "components: {schemas: {A: {$anchor: x, $ref: '#x'}}}\n"
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["reference-cycle"]

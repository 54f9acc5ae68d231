"""Properties, and what is within them, whose names are one in Python."""

import json
from pathlib import Path

import pytest

from .generating import found_in, imported, package, small


def test_a_property_keeps_its_name_when_another_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = "{{type: object, properties: {{{}a_b: {{type: string}}}}}}"
    assert not found_in(tmp_path, small(payload=payload.format("")))
    text = small(payload=payload.format("a-b: {type: integer}, "))
    (finding,) = found_in(tmp_path, text)
    assert finding.rule == "name-collision"
    assert finding.message == "`a-b` is `a_b_` in the class `ThingMade`: `a_b` is another property"
    assert finding.location.line == 10
    package(tmp_path, tmp_path / "asyncapi.yaml", "kept")
    made = imported(monkeypatch, tmp_path, "kept.bus.messages").ThingMade(a_b="x", a_b_=1)
    assert made.model_dump_json(by_alias=True) == '{"a-b":1,"a_b":"x"}'


BASE = "Base: {type: object, properties: {a-b: {type: integer}}}"
OTHER = "Other: {type: object, properties: {a_b: {type: string}}}"


@pytest.mark.parametrize(
    ("name", "part"),
    [("own", "properties: {a_b: {type: string}}"), ("bases", "$ref: '#/components/schemas/Other'")],
)
def test_a_name_that_another_has_in_a_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, part: str
) -> None:
    document = tmp_path / "asyncapi.yaml"
    payload = f"{{allOf: [{{$ref: '#/components/schemas/Base'}}, {{{part}}}]}}"
    document.write_text(small(payload=payload) + f"components: {{schemas: {{{BASE}, {OTHER}}}}}\n")
    package(tmp_path, document, name)
    made = imported(monkeypatch, tmp_path, f"{name}.bus.messages").ThingMade
    for value in ({"a-b": 1}, {"a_b": "x"}, {"a-b": 1, "a_b": "x"}):
        read = made.model_validate_json(json.dumps(value))
        assert json.loads(read.model_dump_json(by_alias=True)) == value


def test_a_name_in_python_is_none_on_the_wire_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "asyncapi.yaml"
    properties = "a-b: {type: integer}, a_b: {type: string}, a.b: {type: boolean}"
    document.write_text(small(payload=f"{{properties: {{{properties}}}}}"))
    package(tmp_path, document, "wired")
    made = imported(monkeypatch, tmp_path, "wired.bus.messages").ThingMade
    for text in ('{"a-b":1}', '{"a_b":"x"}', '{"a.b":true}'):
        assert made.model_validate_json(text).model_dump_json(by_alias=True) == text


@pytest.mark.parametrize(
    ("other", "renamed"),
    [("OrderLinesItem", "OrderLinesItem2"), ("thing.made.payload", "ThingMadePayload2")],
)
def test_a_class_within_a_schema_that_gives_way_to_a_message_is_a_warning(
    tmp_path: Path, other: str, renamed: str
) -> None:
    lines = "{type: array, items: {type: object, properties: {a: {type: string}}}}"
    order = f"Order: {{type: object, properties: {{lines: {lines}}}}}"
    text = small(payload="{type: array, items: {$ref: '#/components/schemas/Order'}}")
    text += f"components: {{schemas: {{{order}}}}}\n"
    assert not found_in(tmp_path, text)
    text = text.replace("operations:", f"      {other}: {{payload: {{type: object}}}}\noperations:")
    (finding,) = found_in(tmp_path, text)
    assert finding.rule == "name-collision"
    assert f"`{renamed}`" in finding.message


def test_what_is_within_a_name_that_python_has_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = "{type: object, properties: {inner: {type: object, properties: {a: {}}}}}"
    document = tmp_path / "asyncapi.yaml"
    document.write_text(small(message="name: connectionError", payload=payload))
    package(tmp_path, document, "within")
    messages = imported(monkeypatch, tmp_path, "within.bus.messages")
    made = messages.ConnectionError_(inner=messages.ConnectionErrorInner(a=1))
    assert made.model_dump_json(exclude_unset=True) == '{"inner":{"a":1}}'

"""JSON Schema as types: what is read, what is written, and what is refused."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from .modelling import fields, models, written


def test_absent_and_null_are_not_the_same(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "plain: {type: string}",
            "nullable: {type: [string, 'null']}",
            "demanded: {type: [string, 'null']}",
            "openapi: {type: string, nullable: true}",
            required="demanded",
        ),
    )
    thing = made["ThingMade"]
    assert written(thing(demanded=None)) == '{"demanded":null}'
    everything = thing(plain=None, nullable=None, demanded=None, openapi=None)
    assert written(everything) == '{"nullable":null,"demanded":null,"openapi":null}'
    assert made.round_trip('{"demanded":"x","nullable":null}') == '{"nullable":null,"demanded":"x"}'
    with pytest.raises(ValidationError):
        thing(plain="x")


def test_what_the_receiver_does_not_know_is_ignored(tmp_path: Path) -> None:
    made = models(tmp_path, fields("a: {type: string}") + "\nadditionalProperties: false")
    assert made.round_trip('{"a":"x","b":1}') == '{"a":"x"}'


def test_what_is_sent_is_validated(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "size: {type: integer, minimum: 0.5, exclusiveMaximum: 10, multipleOf: 2}",
            "price: {type: number, exclusiveMinimum: 0}",
            "name: {type: string, minLength: 1, maxLength: 3, pattern: '^[a-z]+$'}",
            "tags: {type: array, items: {type: string, minLength: 1}, minItems: 1, maxItems: 2}",
            "labels: {type: object, additionalProperties: {type: integer}, maxProperties: 1}",
        ),
    )
    thing = made["ThingMade"]
    good: dict[str, object] = {
        "size": 2,
        "price": 0.1,
        "name": "abc",
        "tags": ["a"],
        "labels": {"a": 1},
    }
    assert thing(**good)
    wrongs: tuple[dict[str, object], ...] = (
        {"size": 0},
        {"size": 10},
        {"size": 3},
        {"price": 0},
        {"name": ""},
        {"name": "abcd"},
        {"name": "A"},
        {"tags": []},
        {"tags": [""]},
        {"tags": ["a", "b", "c"]},
        {"labels": {"a": 1, "b": 2}},
        {"labels": {"a": "x"}},
    )
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            thing(**(good | wrong))


def test_items_that_must_differ(tmp_path: Path) -> None:
    thing = models(tmp_path, fields("a: {type: array, uniqueItems: true, maxItems: 3}"))[
        "ThingMade"
    ]
    assert thing(a=[1, True, {"b": [1]}])
    for wrong in ([1, 1], [{"b": [1]}, {"b": [1]}], [1, 2, 3, 4]):
        with pytest.raises(ValidationError):
            thing(a=wrong)


def test_a_message_does_not_change(tmp_path: Path) -> None:
    thing = models(tmp_path, fields("a: {type: string}"))["ThingMade"](a="x")
    with pytest.raises(ValidationError):
        thing.a = "y"  # type: ignore[attr-defined]


def test_a_copy_with_changes_is_validated(tmp_path: Path) -> None:
    payload = fields("a: {type: string, maxLength: 2}", "b-c: {type: integer}", "d: {type: string}")
    thing = models(tmp_path, payload + "\nadditionalProperties: {type: integer}")["ThingMade"]
    made = thing(a="x", b_c=1, e=2)
    assert written(made.model_copy(update={"a": "yz"})) == '{"a":"yz","b-c":1,"e":2}'
    assert made.model_copy() == made
    for wrong in ({"a": "xyz"}, {"b_c": "x"}, {"e": "x"}):
        with pytest.raises(ValidationError):
            made.model_copy(update=wrong)


def test_formats(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "day: {type: string, format: date}",
            "at: {type: string, format: date-time}",
            "hour: {type: string, format: time}",
            "long: {type: string, format: duration}",
            "id: {type: string, format: uuid}",
            "mail: {type: string, format: email}",
            "bytes: {type: string, format: byte, contentEncoding: base64}",
            "decimal: {type: string, format: decimal}",
            "small: {type: integer, format: int32}",
        ),
    )
    text = (
        '{"day":"2024-02-29","at":"2024-02-29T12:00:00Z","hour":"12:30:00Z","long":"PT90S",'
        '"id":"00000000-0000-0000-0000-00000000000a","mail":"@","bytes":"AA==","decimal":"1.50",'
        '"small":1}'
    )
    message = made.read(text)
    values = message.model_dump(exclude_unset=True)
    assert values == {
        "day": date(2024, 2, 29),
        "at": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "hour": time(12, 30, tzinfo=UTC),
        "long": timedelta(seconds=90),
        "id": UUID(int=10),
        "mail": "@",
        "bytes_": "AA==",
        "decimal": "1.50",
        "small": 1,
    }
    assert written(message) == text.replace("PT90S", "PT1M30S")


def test_defaults(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "text: {type: string, default: x}",
            "number: {type: number, default: 1}",
            "flag: {type: boolean, default: false}",
            "list: {type: array, items: {type: string}, default: [a, b]}",
            "map: {type: object, additionalProperties: {type: integer}, default: {a: 1}}",
            "choice: {enum: [a, b], default: b}",
            "day: {type: string, format: date, default: '2024-01-01'}",
            "at: {type: string, format: date-time, default: '2024-01-01T10:00:00Z'}",
            "clock: {type: string, format: time, default: '10:00:00'}",
            f"uuid: {{type: string, format: uuid, default: {UUID(int=1)}}}",
            "several: {type: [string, integer], default: 5}",
            "whole: {type: integer, default: 2.0}",
            "local: {type: string, format: date-time, default: '2024-01-01T10:00:00'}",
            "no_day: {type: string, format: date, default: today}",
            "wrong: {type: integer, default: x}",
            "null: {type: [string, 'null'], default: null}",
            "reference: {type: object, additionalProperties: {}, default: {$ref: '#/no'}}",
        ),
    )
    thing = made["ThingMade"]()
    assert written(thing) == "{}"
    assert list(thing.model_dump().values()) == [
        "x", 1.0, False, ["a", "b"], {"a": 1}, "b", date(2024, 1, 1),
        datetime(2024, 1, 1, 10, tzinfo=UTC), time(10), UUID(int=1), 5, 2,
        None,
    ]  # fmt: skip
    assert made.rules == ["schema-value"]


def test_constants_and_enumerations(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "one: {const: 1}",
            "yes: {const: true}",
            "nothing: {const: null}",
            "some: {enum: [a, 2, null, true]}",
            "floats: {enum: [1.5, 2]}",
            "thing: {const: {a: 1}}",
            "wrong: {type: string, enum: [a, 2]}",
        ),
    )
    assert 'some: Literal["a", 2, True] | None' in made.source
    assert "floats: float | None" in made.source
    assert "thing: dict[str, Any] | None" in made.source
    assert made.round_trip('{"one":1,"yes":true,"nothing":null,"some":null,"floats":2.5}')
    assert made.rules == ["schema-value"]
    for wrong in ('{"one":2}', '{"yes":false}', '{"nothing":1}', '{"some":"b"}', '{"wrong":"2"}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


@pytest.mark.parametrize("keyword", ["x-enum-varnames", "x-enumNames"])
def test_named_values_are_an_enumeration(tmp_path: Path, keyword: str) -> None:
    made = models(
        tmp_path,
        fields(
            "state: {$ref: '#/components/schemas/state', default: 2}",
            f"kind: {{type: string, enum: [a-b, c, d], {keyword}: [AB, class, AB], default: c}}",
        ),
        f"state: {{type: integer, enum: [1, 2], {keyword}: [Open, 'Not open'], description: S.}}",
    )
    state, kind = made.module.State, made.module.ThingMadeKind
    assert [member.name for member in state] == ["Open", "Not_open"]
    assert [(member.name, member.value) for member in kind] == [
        ("AB", "a-b"), ("class_", "c"), ("AB_", "d")
    ]  # fmt: skip
    message = made.read('{"state":2}')
    assert message.state is state.Not_open  # type: ignore[attr-defined]
    assert message.kind is kind.class_  # type: ignore[attr-defined]
    assert written(made["ThingMade"](state=state.Open)) == '{"state":1}'


@pytest.mark.parametrize(
    "tuple_",
    [
        "{items: [{type: string}, {type: integer}], additionalItems: false, minItems: 2}",
        "{prefixItems: [{type: string}, {type: integer}], items: false, minItems: 2}",
        "{type: array, prefixItems: [{type: string}, {type: integer}], minItems: 2, maxItems: 2}",
    ],
)
def test_arrays_of_a_fixed_length_are_tuples(tmp_path: Path, tuple_: str) -> None:
    made = models(tmp_path, fields(f"pair: {tuple_}"))
    assert "pair: tuple[str, int] | None = None" in made.source
    assert made.round_trip('{"pair":["a",1]}') == '{"pair":["a",1]}'
    for wrong in ('["a"]', '["a","b"]', '["a",1,2]'):
        with pytest.raises(ValidationError):
            made.read(f'{{"pair":{wrong}}}')


def test_arrays_that_only_begin_so_are_lists(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "open: {items: [{type: string}]}",
            "rest: {prefixItems: [{type: string}], items: {type: integer}}",
            "short: {items: [{type: string}, {type: integer}], additionalItems: false}",
        ),
    )
    for right in ('{"open":["a",{}]}', '{"rest":["a",1,2]}', '{"short":["a"]}', '{"short":[]}'):
        assert made.round_trip(right) == right
    for wrong in ('{"rest":["a",{}]}', '{"short":["a",1,2]}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_names_that_python_does_not_allow(tmp_path: Path) -> None:
    names = ["class", "order-id", "_id", "$id", "@type", "1st", "", "json", "model_config", "str"]
    names += ["list", "date", "id", "İd", "a b", "self", "Any", "datetime", "model_x", "__init__"]
    made = models(tmp_path, fields(*(f'"{name}": {{type: string}}' for name in names)))
    assert list(made["ThingMade"].model_fields) == [
        "class_", "order_id", "id_", "id__", "type", "field_1st", "field", "json_", "model_config_",
        "str_", "list_", "date", "id", "İd", "a_b", "self", "Any_", "datetime_", "model_x",
        "init__",
    ]  # fmt: skip
    text = "{" + ",".join(f'"{name}":"x"' for name in names) + "}"
    assert made.round_trip(text) == text


def test_a_field_is_not_called_as_a_type_beside_it(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields("Address: {$ref: '#/components/schemas/Address'}"),
        "Address: {type: object, properties: {street: {type: string}}}",
    )
    text = '{"Address":{"street":"x"}}'
    assert made.round_trip(text) == text
    assert "Address_" in made["ThingMade"].model_fields


def test_recursion(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        "$ref: '#/components/schemas/Node'",
        """
Node:
  type: object
  required: [children, value]
  properties:
    children: {type: array, items: {$ref: '#/components/schemas/Node'}}
    parent: {$ref: '#/components/schemas/Node'}
    value: {$ref: '#/components/schemas/Value'}
Value:
  oneOf:
    - {type: string}
    - {type: array, items: {$ref: '#/components/schemas/Value'}}
    - {$ref: '#/components/schemas/Node'}
""",
    )
    text = '{"children":[{"children":[],"value":["a",["b"]]}],"value":{"children":[],"value":"c"}}'
    assert made.round_trip(text) == text


def test_what_has_no_meaning_for_a_type_does_no_harm(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields("a: {type: string, readOnly: true, examples: [x]}", "b: {type: integer}")
        + """
if: {properties: {a: {const: x}}}
then: {required: [b]}
else: {required: [a]}
not: {required: [c]}
dependentRequired: {a: [b]}
dependencies: {a: [b]}
oneOf: [{required: [a]}, {required: [b]}]
minProperties: 1
$id: https://example.org/schema
$comment: nothing
""",
    )
    assert made.round_trip('{"a":"x"}') == '{"a":"x"}'


def test_types_without_type(tmp_path: Path) -> None:
    made = models(
        tmp_path, fields("list: {items: {type: string}}", "any: {minLength: 3}", "all: {}")
    )
    text = '{"list":["a"],"any":1,"all":null}'
    assert made.round_trip(text) == text


def test_several_types(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "a: {type: [string, integer, 'null'], minLength: 2, minimum: 3}",
            "b: {type: [object, string], properties: {c: {type: string}}}",
            "d: {type: [array, 'null'], items: {type: string}}",
        ),
    )
    for right in ('{"a":null}', '{"a":3}', '{"a":"xy"}', '{"b":"x"}', '{"b":{"c":"x"}}'):
        assert made.round_trip(right) == right
    for wrong in ('{"a":2}', '{"a":"x"}', '{"b":[]}', '{"d":[1]}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_openapi_writes_limits_otherwise(tmp_path: Path) -> None:
    payload = """
schemaFormat: application/vnd.oai.openapi+json;version=3.0.0
schema:
  type: object
  properties:
    a: {type: integer, minimum: 1, exclusiveMinimum: true}
    b: {type: string, enum: [x], nullable: true}
    c: {allOf: [{$ref: '#/components/schemas/Other'}], nullable: true}
"""
    made = models(tmp_path, payload, "Other: {type: object, properties: {d: {type: string}}}")
    for right in ('{"a":2}', '{"b":null}', '{"c":null}', '{"c":{"d":"x"}}'):
        assert made.round_trip(right) == right
    with pytest.raises(ValidationError):
        made.read('{"a":1}')


def test_what_stands_beside_a_reference(tmp_path: Path) -> None:
    schema = "{$ref: '#/components/schemas/Short', maxLength: 3, description: Said here.}"
    other = "Short: {type: string, minLength: 2}"
    made = models(tmp_path, fields(f"a: {schema}"), other)
    assert made.round_trip('{"a":"long"}')
    assert '"""Said here."""' in made.source
    payload = f"""
schemaFormat: application/schema+json;version=2020-12
schema:
  type: object
  properties: {{a: {schema}}}
"""
    made = models(tmp_path, payload, other)
    assert made.round_trip('{"a":"abc"}')
    with pytest.raises(ValidationError):
        made.read('{"a":"long"}')


def test_a_default_that_the_schema_does_not_allow(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "low: {type: integer, minimum: 3, default: 2}",
            "much: {type: number, exclusiveMaximum: 3, default: 3}",
            "long: {type: string, maxLength: 1, default: ab}",
            "few: {type: array, items: {}, minItems: 1, default: []}",
            "right: {type: integer, minimum: 2, maximum: 2, default: 2}",
        ),
    )
    assert made.rules == ["schema-value"] * 4
    assert made["ThingMade"]().model_dump() == {"right": 2}


@pytest.mark.parametrize("draft", ["draft-07", "2020-12"])
def test_a_default_beside_a_reference(tmp_path: Path, draft: str) -> None:
    state, size, text = (
        f"$ref: '#/components/schemas/{name}'"
        if draft == "2020-12"
        else f"allOf: [{{$ref: '#/components/schemas/{name}'}}]"
        for name in ("State", "Size", "Text")
    )
    payload = f"""
schemaFormat: application/schema+json;version={draft}
schema:
  type: object
  properties:
    state: {{{state}, default: b}}
    size: {{{size}, default: 2, title: Size}}
    text: {{{text}, default: [no text]}}
"""
    made = models(
        tmp_path,
        payload,
        """
State: {enum: [a, b], x-enum-varnames: [A, B]}
Size: {enum: [1, 2]}
Text: {type: string}
""",
    )
    for line in ("state: State = State.B", "size: Size = 2", "text: Text | None = None"):
        assert line in made.source
    assert written(made["ThingMade"]()) == "{}"

"""Properties that a schema does not list: maps, patterns, conditions."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from .modelling import fields, models


def test_maps(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        fields(
            "any: {type: object}",
            "numbers: {additionalProperties: {type: number}}",
            "objects: {additionalProperties: {type: object, properties: {a: {type: string}}}}",
            "patterns: {type: object, patternProperties: {'^x-': {type: integer}},"
            " additionalProperties: false}",
            "open: {type: object, patternProperties: {'^x-': {type: integer}}}",
        ),
    )
    assert "objects: dict[str, ThingMadeObjectsValue] | None = None" in made.source
    text = '{"any":{"a":[1]},"numbers":{"a":1.5},"objects":{"k":{"a":"x"}},"patterns":{"x-a":1},'
    text += '"open":{"b":"c"}}'
    assert made.round_trip(text) == text
    for wrong in ('{"numbers":{"a":"x"}}', '{"patterns":{"y":1}}', '{"patterns":{"x-a":"b"}}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_properties_beside_known_ones_are_kept_where_they_have_a_type(tmp_path: Path) -> None:
    payload = fields("a: {type: string}") + "\nadditionalProperties: {type: integer}"
    made = models(tmp_path, payload)
    assert made.round_trip('{"a":"x","b":1}') == '{"a":"x","b":1}'
    assert made.read('{"b":1}').model_extra == {"b": 1}
    with pytest.raises(ValidationError):
        made.read('{"b":"y"}')


def test_properties_that_fit_a_pattern_are_kept_beside_known_ones(tmp_path: Path) -> None:
    patterns = "\npatternProperties: {'^x-': {type: string}}\nadditionalProperties: "
    made = models(tmp_path, fields("a: {type: string}") + patterns + "false")
    for right in ('{"a":"x","x-b":"y"}', '{"new":{}}'):
        assert made.round_trip(right) == right
    made = models(tmp_path, fields("a: {type: string}") + patterns + "{type: integer}")
    assert made.round_trip('{"a":"x","x-b":"y","c":1}') == '{"a":"x","x-b":"y","c":1}'
    with pytest.raises(ValidationError):
        made.read('{"c":[]}')


def test_what_is_not_evaluated_elsewhere(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
allOf: [{type: object, properties: {a: {type: string}}}]
properties: {b: {prefixItems: [{type: string}], unevaluatedItems: false, minItems: 1}}
unevaluatedProperties: {type: integer}
""",
    )
    text = '{"b":["y"],"a":"x","c":1}'
    assert made.round_trip(text) == text
    for wrong in ('{"c":"x"}', '{"b":["y","z"]}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_properties_that_only_a_condition_describes(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
$ref: '#/components/schemas/Order'
""",
        """
Base: {type: object, required: [kind], properties: {kind: {type: string}, size: {type: integer}}}
Card: {type: object, properties: {number: {type: string}}}
Order:
  allOf:
    - $ref: '#/components/schemas/Base'
    - if: {properties: {kind: {const: card}}}
      then: {$ref: '#/components/schemas/Card'}
      else: {if: {}, then: {properties: {iban: {type: string}, size: {minimum: 1}}}}
    - dependentSchemas: {size: {properties: {unit: {type: string}}}}
    - dependencies: {size: {properties: {scale: {type: string}}}, kind: [size]}
""",
    )
    assert "class Order(Base, frozen=True):" in made.source
    text = '{"kind":"a","size":0,"number":1,"iban":"x","unit":[],"scale":null}'
    assert made.round_trip(text) == text
    with pytest.raises(ValidationError):
        made.read('{"kind":"a","size":"large"}')


@pytest.mark.parametrize(
    ("names", "type_"),
    [
        ("{enum: [a, b]}", 'Literal["a", "b"]'),
        ("{pattern: '^[ab]$'}", 'Annotated[str, Field(pattern="^[ab]$")]'),
        ("{$ref: '#/components/schemas/Name'}", "Name"),
        ("{anyOf: [{const: a}, {const: b}]}", "str"),
        ("{type: integer}", "str"),
        ("{enum: [a, 1]}", "str"),
    ],
)
def test_names_of_properties_that_the_schema_does_not_list(
    tmp_path: Path, names: str, type_: str
) -> None:
    payload = f"{{type: object, propertyNames: {names}, additionalProperties: {{type: integer}}}}"
    made = models(tmp_path, payload, "Name: {enum: [a, b], x-enum-varnames: [A, B]}")
    assert f"dict[{type_}, int]" in made.source
    assert made.round_trip('{"a":1,"b":2}') == '{"a":1,"b":2}'
    if type_ != "str":
        with pytest.raises(ValidationError):
            made.read('{"c":1}')

"""Unions, discriminators, and inheritance."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from .modelling import models, models_of, written

ANIMALS = """
Cat: {type: object, required: [kind], properties: {kind: KIND_CAT, lives: {type: integer}}}
Dog: {type: object, required: [kind], properties: {kind: KIND_DOG, lives: {type: integer}}}
"""
PLAIN = ANIMALS.replace("KIND_CAT", "{type: string}").replace("KIND_DOG", "{type: string}")
OPTIONS = "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]"


@pytest.mark.parametrize(
    ("told_by", "schemas", "cat"),
    [
        ("discriminator: kind", PLAIN, "Cat"),
        ("discriminator: {propertyName: kind}", PLAIN, "Cat"),
        (
            "discriminator: {propertyName: kind, mapping: {c: '#/components/schemas/Cat', d: Dog}}",
            PLAIN,
            "c",
        ),
        ("", ANIMALS.replace("KIND_CAT", "{const: c}").replace("KIND_DOG", "{enum: [d, e]}"), "c"),
        ("discriminator: kind", ANIMALS.replace("KIND_CAT", "{const: c}").replace(
            "KIND_DOG", "{const: d}"), "c"),
    ],
)  # fmt: skip
def test_options_are_told_apart(tmp_path: Path, told_by: str, schemas: str, cat: str) -> None:
    made = models(tmp_path, f"{OPTIONS}\n{told_by}", schemas)
    assert 'Field(discriminator="kind")' in made.source
    text = f'{{"kind":"{cat}","lives":9}}'
    message = made.read(text)
    assert type(message.root).__name__ == "Cat"  # type: ignore[attr-defined]
    assert written(message) == text
    with pytest.raises(ValidationError) as raised:
        made.read('{"kind":"x"}')
    assert raised.value.error_count() == 1
    with pytest.raises(ValidationError):
        made["Cat"](kind="x")


def test_values_that_the_property_does_not_have_do_not_tell_apart(tmp_path: Path) -> None:
    schemas = ANIMALS.replace("KIND_CAT", "{enum: [x, y]}").replace("KIND_DOG", "{enum: [x, y]}")
    made = models(tmp_path, f"{OPTIONS}\ndiscriminator: kind", schemas)
    assert "discriminator=" not in made.source
    assert made.round_trip('{"kind":"x","lives":1}') == '{"kind":"x","lives":1}'


def test_who_refers_to_a_base_means_what_inherits_from_it(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        "type: object\nproperties: {pet: {$ref: '#/components/schemas/Pet'}}",
        """
Pet: {type: object, discriminator: kind, required: [kind], properties: {kind: {type: string}}}
Cat:
  allOf:
    - $ref: '#/components/schemas/Pet'
    - {type: object, properties: {lives: {type: integer}}}
Insect:
  allOf:
    - $ref: '#/components/schemas/Pet'
    - {type: object, properties: {kind: {const: bug}}}
""",
    )
    assert made["Cat"].__mro__[1] is made["PetBase"]
    for text in ('{"pet":{"kind":"Cat","lives":9}}', '{"pet":{"kind":"bug"}}'):
        assert made.round_trip(text) == text
    with pytest.raises(ValidationError):
        made.read('{"pet":{"kind":"Insect"}}')


@pytest.mark.parametrize("name", ["Cat", "org.example.Cat", "a~b", "a b"])
@pytest.mark.parametrize("form", ["{name}", "#/components/schemas/{pointer}"])
def test_a_mapping_of_openapi_on_the_base(tmp_path: Path, name: str, form: str) -> None:
    pointer = name.replace("~", "~0").replace(" ", "%20")
    made = models(
        tmp_path,
        "type: object\nproperties: {pet: {$ref: '#/components/schemas/Pet'}}",
        f"""
Pet:
  type: object
  required: [kind]
  properties: {{kind: {{type: string}}}}
  discriminator:
    propertyName: kind
    mapping: {{c: '{form.format(name=name, pointer=pointer)}'}}
"{name}":
  allOf: [{{$ref: '#/components/schemas/Pet'}}, {{properties: {{lives: {{type: integer}}}}}}]
Dog: {{allOf: [{{$ref: '#/components/schemas/Pet'}}]}}
""",
    )
    for text in ('{"pet":{"kind":"c","lives":9}}', '{"pet":{"kind":"Dog"}}'):
        assert made.round_trip(text) == text
    with pytest.raises(ValidationError):
        made.read(f'{{"pet":{{"kind":"{name}"}}}}')


def test_a_base_whose_options_inherit_from_it(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        "$ref: '#/components/schemas/Pet'",
        """
Pet:
  type: object
  discriminator: kind
  properties: {kind: {type: string}, name: {type: string}}
  oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]
Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {properties: {lives: {type: integer}}}]}
Dog: {allOf: [{$ref: '#/components/schemas/Pet'}]}
""",
    )
    text = '{"kind":"Cat","name":"x","lives":9}'
    assert type(made.read(text).root).__name__ == "Cat"  # type: ignore[attr-defined]
    assert type(made.read('{"kind":"Dog"}').root).__name__ == "Dog"  # type: ignore[attr-defined]


def test_options_that_demand_what_their_base_does_not(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
discriminator: kind
oneOf: [{$ref: '#/components/schemas/Wheel'}, {$ref: '#/components/schemas/Door'}]
""",
        """
Part: {type: object, properties: {kind: {type: string}, weight: {type: integer}}}
Wheel: {allOf: [{$ref: '#/components/schemas/Part'}, {properties: {size: {type: integer}}}]}
Door: {allOf: [{$ref: '#/components/schemas/Part'}]}
""",
    )
    text = '{"kind":"Wheel","weight":1,"size":2}'
    assert made.round_trip(text) == text
    assert type(made.read('{"kind":"Door"}').root).__name__ == "Door"  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        made.read('{"weight":1}')
    assert made.round_trip('{"weight":1}', "Part") == '{"weight":1}'


def test_what_stands_beside_the_options_is_in_each(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
type: object
required: [id]
properties: {id: {type: string}, inner: {type: object, properties: {a: {type: string}}}}
oneOf:
  - {title: By card, required: [card], properties: {card: {type: string}}}
  - {required: [iban], properties: {iban: {type: string}}}
""",
    )
    assert issubclass(made["ThingMadePayloadByCard"], made["ThingMadePayloadBase"])
    for text in ('{"id":"1","card":"c"}', '{"id":"1","inner":{"a":"x"},"iban":"i"}'):
        assert made.read(text)
    for wrong in ('{"card":"c"}', '{"id":"1"}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_options_of_scalars(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
type: object
properties:
  a: {oneOf: [{type: string, minLength: 2}, {type: integer}, {type: 'null'}]}
  b: {anyOf: [{type: boolean}, {type: string}]}
  c: {oneOf: [{type: 'null'}, {type: object, properties: {d: {type: string}}}]}
  e: {anyOf: [{type: string}, {}]}
  f: {oneOf: [{type: string}, {type: string}]}
  g: {type: string, oneOf: [{format: uuid}, {maxLength: 3}]}
  h: {oneOf: [{enum: [a]}, {enum: [b]}]}
""",
    )
    assert "c: ThingMadeC | None = Field(default=None)" in made.source
    for text in (
        '{"a":null}', '{"a":1}', '{"a":"xy"}', '{"b":true}', '{"b":"true"}', '{"c":{"d":"x"}}',
        '{"c":null}', '{"e":[1]}', '{"f":"x"}', '{"g":"abc"}', '{"h":"b"}',
    ):  # fmt: skip
        assert made.round_trip(text) == text
    for wrong in ('{"a":"x"}', '{"b":[]}', '{"f":1}', '{"g":"abcd"}', '{"h":"c"}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_names_of_options_do_not_depend_on_their_place(tmp_path: Path) -> None:
    before = "{title: One, properties: {a: {type: string}}}"
    more = "{properties: {t: {const: two}}}"
    schemas = "S: {oneOf: [NEW, {title: Three, properties: {b: {type: string}}}]}"
    document = "$ref: '#/components/schemas/S'"
    made = models(tmp_path, document, schemas.replace("NEW", before))
    grown = models(tmp_path, document, schemas.replace("NEW", f"{more}, {before}"))
    assert {"SOne", "SThree"} <= set(vars(made.module))
    assert {"SOne", "STwo", "SThree"} <= set(vars(grown.module))


def test_inheritance(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
allOf:
  - $ref: '#/components/schemas/Named'
  - $ref: '#/components/schemas/Dated'
  - {type: object, required: [id], properties: {id: {type: integer}}}
""",
        """
Named: {type: object, required: [name], properties: {name: {type: string}}}
Dated: {type: object, properties: {at: {type: string, format: date}}}
""",
    )
    thing = made["ThingMade"]
    assert thing.__mro__[1:3] == (made["Named"], made["Dated"])
    assert made.round_trip('{"name":"x","at":"2024-01-01","id":1}')
    with pytest.raises(ValidationError):
        made.read('{"name":"x"}')


def test_a_subclass_that_says_more_of_a_property(tmp_path: Path) -> None:
    base = """
Base:
  type: object
  required: [kind]
  properties: {kind: {type: string}, size: {type: integer}, at: {type: string}}
"""
    inherit = "allOf: [{$ref: '#/components/schemas/Base'}, {OWN}]"
    narrow = "properties: {kind: {const: x}}"
    made = models(tmp_path, inherit.replace("OWN", narrow), base)
    assert issubclass(made["ThingMade"], made["Base"])
    for own in ("required: [size]", "properties: {at: {format: date}, size: {minimum: 3}}"):
        made = models(tmp_path, inherit.replace("OWN", own), base)
        # Type checkers allow no such subclass: it is a class of its own.
        assert not hasattr(made.module, "Base") or not issubclass(made["ThingMade"], made["Base"])
        assert made.round_trip('{"kind":"x","size":3,"at":"2024-01-01"}')
        with pytest.raises(ValidationError):
            made.read('{"kind":"x","at":"no","size":2}' if "at" in own else '{"kind":"x"}')


def test_all_of_that_makes_no_class(tmp_path: Path) -> None:
    made = models(
        tmp_path,
        """
type: object
properties:
  a: {allOf: [{type: string, minLength: 2}, {maxLength: 3}]}
  b: {description: Said., allOf: [{$ref: '#/components/schemas/Other'}]}
  c: {allOf: [{$ref: '#/components/schemas/Text'}, {maxLength: 2}]}
  d: {allOf: [{$ref: '#/components/schemas/Either'}, {properties: {z: {type: string}}}]}
""",
        """
Other: {type: object, properties: {x: {type: string}}}
Text: {type: string, minLength: 1}
Either:
  oneOf:
    - {type: object, required: [p], properties: {p: {type: string}}}
    - {type: object, required: [q], properties: {q: {type: string}}}
""",
    )
    assert 'b: Other | None = None\n    """Said."""' in made.source
    for text in ('{"a":"xy"}', '{"b":{"x":"y"}}', '{"c":"ab"}', '{"d":{"q":"r","z":"s"}}'):
        assert made.read(text)
    for wrong in ('{"a":"x"}', '{"a":"abcd"}', '{"c":""}', '{"c":"abc"}', '{"d":{"z":"s"}}'):
        with pytest.raises(ValidationError):
            made.read(wrong)


def test_circles_of_all_of_end(tmp_path: Path) -> None:
    schemas = """
A: {allOf: [{$ref: '#/components/schemas/B'}], properties: {a: {type: string}}}
B: {allOf: [{$ref: '#/components/schemas/A'}], properties: {b: {type: string}}}
"""
    assert models(tmp_path, "$ref: '#/components/schemas/A'", schemas).read('{"a":"x"}')


def test_a_payload_that_may_be_null(tmp_path: Path) -> None:
    for payload in (
        "type: [object, 'null']\nproperties: {a: {type: string}}",
        "oneOf: [{type: 'null'}, {type: object, properties: {a: {type: string}}}]",
    ):
        assert models(tmp_path, payload).round_trip('{"a":"x"}') == '{"a":"x"}'


NAMES = """\
asyncapi: 3.0.0
info: {title: Small, version: 1.0.0}
channels:
  a: {address: a, messages: {ping: {payload: {properties: {x: {type: string}}}}}}
  b: {address: b.b, messages: {ping: {payload: {properties: {y: {type: string}}}}}}
  c: {address: c, messages: {x: {name: org.example.deep.PingPong, payload: {}}}}
operations:
  a: {action: receive, channel: {$ref: '#/channels/a'}}
  b: {action: receive, channel: {$ref: '#/channels/b'}}
  c: {action: receive, channel: {$ref: '#/channels/c'}}
"""


def test_messages_of_one_name_are_two_where_their_payloads_are(tmp_path: Path) -> None:
    made = models_of(tmp_path, NAMES)
    assert list(made["Ping"].model_fields) == ["x"]
    assert list(made["BBPing"].model_fields) == ["y"]
    assert made["PingPong"]
    assert made.rules == ["name-collision"]

"""What a message is on the wire, and what the document says of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from axion_gen.asyncapi.contract import Message

from .generating import contract_of, found_in, small, warned

AVRO = "application/vnd.apache.avro;version=1.9.0"
RECORD = "{type: record, name: Thing, fields: [{name: id, type: string}]}"


def message_of(folder: Path, text: str) -> Message:
    (message,) = contract_of(folder, text).topics[0].messages
    return message


def in_2(message: str) -> str:
    """A document of version 2.6 with one message."""
    return f"""\
asyncapi: 2.6.0
info: {{title: T, version: '1'}}
channels: {{things: {{publish: {{message: {message}}}}}}}
"""


def in_3(message: str) -> str:
    return f"""\
asyncapi: 3.0.0
info: {{title: T, version: '1'}}
channels: {{things: {{address: things, messages: {{m: {message}}}}}}}
operations: {{take: {{action: receive, channel: {{$ref: '#/channels/things'}}}}}}
"""


# headers


@pytest.mark.parametrize(
    "headers",
    [
        "{type: object, properties: {kind: {const: made}, other: {type: string}}}",
        "{type: object, properties: {kind: {type: string, enum: [made]}}}",
        "{type: object, properties: {kind: {const: made}, number: {const: 3}}}",
        "{$ref: '#/x-headers'}",
        "{allOf: [{$ref: '#/x-headers'}, {type: object}]}",
    ],
)
@pytest.mark.parametrize("document", [in_2, in_3])
def test_headers_with_one_value(
    tmp_path: Path, document: Callable[[str], str], headers: str
) -> None:
    text = document(f"{{name: m, payload: {{type: object}}, headers: {headers}}}")
    text += "x-headers: {type: object, properties: {kind: {$ref: '#/x-kind'}}}\n"
    text += "x-kind: {const: made}\n"
    assert message_of(tmp_path, text).headers == {"kind": "made"}


def test_headers_in_a_format(tmp_path: Path) -> None:
    headers = (
        "{schemaFormat: 'application/schema+json;version=draft-07',"
        " schema: {properties: {kind: {const: made}}}}"
    )
    text = in_3(f"{{payload: {{type: object}}, headers: {headers}}}")
    assert message_of(tmp_path, text).headers == {"kind": "made"}


def test_a_wrong_schema_of_headers(tmp_path: Path) -> None:
    text = in_3("{payload: {type: object}, headers: {type: objekt}}")
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["schema-keyword"]


# examples, correlation


def test_examples(tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text('{"id": 2}')
    examples = "[{name: one, payload: {id: 1}, headers: {a: b}}, {payload: {$ref: example.json}}]"
    message = message_of(tmp_path, in_3(f"{{payload: {{type: object}}, examples: {examples}}}"))
    assert [(e.name, e.payload, e.headers) for e in message.examples] == [
        ("one", {"id": 1}, {"a": "b"}),
        ("", {"id": 2}, {}),
    ]


def test_examples_before_2_3(tmp_path: Path) -> None:
    examples = "[{payload: [1]}, {anything: {id: 1}}]"
    text = in_2(f"{{name: m, payload: {{}}, examples: {examples}}}").replace("2.6", "2.0")
    assert [example.payload for example in message_of(tmp_path, text).examples] == [[1]]


def test_an_example_of_null(tmp_path: Path) -> None:
    text = in_3("{payload: {type: ['null', object]}, examples: [{payload: null}]}")
    assert [example.payload for example in message_of(tmp_path, text).examples] == [None]


def test_an_example_whose_references_multiply(tmp_path: Path) -> None:
    text = in_3("{payload: {}, examples: [{payload: {$ref: '#/x-0'}}]}")
    for number in range(20):
        text += f"x-{number}: [" + f"{{$ref: '#/x-{number + 1}'}}, " * 9 + "]\n"
    text += "x-20: end\n"
    assert "too-complex" in [finding.rule for finding in found_in(tmp_path, text)]


def test_an_example_that_refers_to_itself(tmp_path: Path) -> None:
    text = in_3("{payload: {}, examples: [{payload: {$ref: '#/x-a'}}]}") + "x-a: [{$ref: '#/x-a'}]"
    assert [example.payload for example in message_of(tmp_path, text).examples] == [[None]]


@pytest.mark.parametrize("correlation", ["{location: $message.header#/id}", "{$ref: '#/x-c'}"])
def test_correlation(tmp_path: Path, correlation: str) -> None:
    text = in_3(f"{{payload: {{}}, correlationId: {correlation}}}")
    text += "x-c: {location: $message.header#/id}\n"
    assert message_of(tmp_path, text).correlation == "$message.header#/id"


# tombstones


@pytest.mark.parametrize(
    ("payload", "tombstone"),
    [
        ("{type: 'null'}", True),
        ("{type: [object, 'null']}", True),
        ("{oneOf: [{type: object}, {type: 'null'}]}", True),
        ("{anyOf: [{$ref: '#/x-null'}, {type: object}]}", True),
        ("{$ref: '#/x-null'}", True),
        ("{const: null}", True),
        ("{allOf: [{type: [object, 'null']}]}", True),
        (f"{{schemaFormat: '{AVRO}', schema: ['null', {RECORD}]}}", True),
        ("{type: object}", False),
        ("{}", False),
        ("{allOf: [{type: object}, {type: [object, 'null']}]}", False),
        (f"{{schemaFormat: '{AVRO}', schema: {RECORD}}}", False),
    ],
)
def test_payloads_that_may_be_null(tmp_path: Path, payload: str, *, tombstone: bool) -> None:
    text = in_3(f"{{payload: {payload}}}") + "x-null: {type: 'null'}\n"
    assert message_of(tmp_path, text).tombstone is tombstone


# the wire


@pytest.mark.parametrize(
    "said", ["application/json", "application/vnd.x+json; charset=utf-8", "Application/JSON"]
)
def test_json(tmp_path: Path, said: str) -> None:
    message = message_of(tmp_path, in_3(f"{{payload: {{}}, contentType: {said}}}"))
    assert message.avro is None


@pytest.mark.parametrize("said", ["text/plain", "application/octet-stream", "avro/binary"])
def test_what_is_described_by_json_schema_is_json_on_the_wire(tmp_path: Path, said: str) -> None:
    text = in_3(f"{{payload: {{type: string}}, contentType: {said}}}")
    contract, warnings = warned(tmp_path, text)
    assert contract.topics[0].messages[0].avro is None
    assert warnings == ["content-type"]


def test_the_content_type_that_all_messages_have(tmp_path: Path) -> None:
    text = in_3("{payload: {type: string}}") + "defaultContentType: text/plain\n"
    assert warned(tmp_path, text)[1] == ["content-type"]


@pytest.mark.parametrize(
    "text",
    [
        in_2(f"{{name: m, schemaFormat: '{AVRO}', payload: {RECORD}}}"),
        in_2(f"{{name: m, schemaFormat: '{AVRO}', payload: {{$ref: thing.avsc}}}}"),
        in_3(f"{{payload: {{schemaFormat: '{AVRO}', schema: {RECORD}}}}}"),
        in_3(f"{{payload: {{schemaFormat: '{AVRO}', schema: {{$ref: thing.avsc}}}}}}"),
        in_3("{payload: {$ref: '#/x-payload'}, contentType: avro/binary}"),
        in_3(f"{{payload: {{schemaFormat: '{AVRO}', schema: {RECORD}}}}}")
        + "defaultContentType: application/json\n",
    ],
)
def test_avro(tmp_path: Path, text: str) -> None:
    (tmp_path / "thing.avsc").write_text(
        '{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}]}'
    )
    text += f"x-payload: {{schemaFormat: '{AVRO}', schema: {RECORD}}}\n"
    avro = message_of(tmp_path, text).avro
    assert avro is not None
    fields = [{"name": "id", "type": "string"}]
    assert avro.schema == {"type": "record", "name": "Thing", "fields": fields}
    assert avro.subject is None


BY = "{schemaIdLocation: payload, schemaLookupStrategy:"


def with_id(binding: str) -> str:
    """A document with a message in Avro that has this binding, and a schema registry."""
    text = in_3(
        f"{{payload: {{schemaFormat: '{AVRO}', schema: {RECORD}}}, bindings: {{kafka: {binding}}}}}"
    )
    return text + (
        "servers: {prod: {host: 'kafka:9092', protocol: kafka,"
        " bindings: {kafka: {schemaRegistryUrl: 'http://registry'}}}}\n"
    )


@pytest.mark.parametrize(
    ("binding", "subject", "expected"),
    [
        ("{schemaIdLocation: payload}", "{topic}-value", []),
        ("{schemaIdLocation: payload, schemaIdPayloadEncoding: confluent}", "{topic}-value", []),
        ("{schemaIdLocation: payload, schemaIdPayloadEncoding: '4'}", "{topic}-value", []),
        (f"{BY} TopicNameStrategy}}", "{topic}-value", []),
        (f"{BY} TopicRecordNameStrategy}}", "{topic}-Thing", []),
        (f"{BY} io.confluent.kafka.serializers.subject.RecordNameStrategy}}", "Thing", []),
        (f"{BY} TopicIdStrategy}}", "{topic}-value", ["schema-subject"]),
        ("{schemaIdLocation: header}", None, ["schema-id"]),
        ("{}", None, ["schema-id"]),
    ],
)
def test_avro_behind_the_id_of_its_schema(
    tmp_path: Path, binding: str, subject: str | None, expected: list[str]
) -> None:
    contract, warnings = warned(tmp_path, with_id(binding))
    avro = contract.topics[0].messages[0].avro
    assert avro is not None
    assert (avro.subject, warnings) == (subject, expected)


def test_an_id_that_is_longer(tmp_path: Path) -> None:
    text = with_id("{schemaIdLocation: payload, schemaIdPayloadEncoding: apicurio-new}")
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["unsupported-schema-id"]


def test_types_of_avro_and_json_on_the_wire(tmp_path: Path) -> None:
    text = in_3(
        f"{{payload: {{schemaFormat: '{AVRO}', schema: {RECORD}}}, contentType: application/json}}"
    )
    assert message_of(tmp_path, text).avro is None


# the key


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ("{type: object}", "{type: string}"),
        (f"{{schemaFormat: '{AVRO}', schema: {RECORD}}}", "{type: string}"),
        (f"{{schemaFormat: '{AVRO}', schema: {RECORD}}}", "{type: enum, name: K, symbols: [A]}"),
        ("{type: object}", "{$ref: '#/x-key'}"),
    ],
)
def test_a_schema_of_the_key(tmp_path: Path, payload: str, key: str) -> None:
    text = in_3(f"{{payload: {payload}, bindings: {{kafka: {{key: {key}}}}}}}")
    contract = contract_of(tmp_path, text + "x-key: {type: string}\n")
    schema = contract.topics[0].messages[0].key_schema
    assert schema is not None
    assert contract.schemas[schema].definition["type"] == "string"


def test_a_message_in_two_channels(tmp_path: Path) -> None:
    text = small().replace("operations:", "  more:\n    address: more\n    messages: {m: {$ref: "
        "'#/channels/things/messages/thing.made'}}\noperations:\n  send: {action: send, channel: "
        "{$ref: '#/channels/more'}}")  # fmt: skip
    first, second = contract_of(tmp_path, text).topics
    assert [message.name for message in (*first.messages, *second.messages)] == ["thing.made", "m"]
    assert first.messages[0].payload == second.messages[0].payload


def test_headers_and_nulls_that_multiply(tmp_path: Path) -> None:
    text = in_3("{payload: {$ref: '#/x-0'}, headers: {$ref: '#/x-0'}}")
    for number in range(200):
        one = f"{{$ref: '#/x-{number + 1}'}}"
        text += f"x-{number}: {{allOf: [{one}, {one}], anyOf: [{one}, {one}]}}\n"
    text += "x-200: {properties: {kind: {const: made}}}\n"
    message = message_of(tmp_path, text)
    assert (message.headers, message.tombstone) == ({"kind": "made"}, False)

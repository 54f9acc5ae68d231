"""A document to the contract model."""

from pathlib import Path

import pytest

from axion_gen.asyncapi import Contract

from .generating import contract_of, found_in, small


def names(contract: Contract, action: str) -> dict[str, list[str]]:
    """The names of what is sent or received, by topic."""
    return {
        topic.address: [
            message.name
            for message in contract.messages(topic, "send" if action == "send" else "receive")
        ]
        for topic in contract.topics
    }


OPERATIONS = """
    asyncapi: 3.0.0
    info: {title: T, version: '1'}
    channels:
      c:
        address: c
        messages:
          a: {payload: {type: object}}
          b: {$ref: '#/components/messages/B'}
          c: {name: see, payload: {type: object}}
    operations:
      all:
        action: receive
        channel: {$ref: '#/channels/c'}
      some:
        action: send
        channel: {$ref: '#/channels/c'}
        messages:
          - $ref: '#/channels/c/messages/c'
          - $ref: '#/channels/c/messages/b'
    components:
      messages:
        B: {payload: {type: object}}
"""


def test_an_operation_takes_all_messages_or_those_it_names(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, OPERATIONS)
    assert names(contract, "receive") == {"c": ["a", "b", "see"]}
    assert names(contract, "send") == {"c": ["b", "see"]}


def test_an_empty_list_of_messages_is_none(tmp_path: Path) -> None:
    text = OPERATIONS.replace("action: receive", "action: receive\n        messages: []")
    assert names(contract_of(tmp_path, text), "receive") == {"c": []}


def test_a_message_may_be_named_where_it_is_defined(tmp_path: Path) -> None:
    text = OPERATIONS.replace("#/channels/c/messages/b", "#/components/messages/B")
    assert names(contract_of(tmp_path, text), "send") == {"c": ["b", "see"]}


def test_a_message_of_another_channel_is_an_error(tmp_path: Path) -> None:
    text = OPERATIONS.replace("#/channels/c/messages/b", "#/components/messages/C")
    text += "        C: {payload: {type: object}}\n"
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["foreign-message"]


def test_traits_are_merged_and_overridden(tmp_path: Path) -> None:
    contract = contract_of(
        tmp_path,
        """
        asyncapi: 3.0.0
        info: {title: T, version: '1'}
        channels:
          c:
            address: c
            messages:
              m:
                description: its own
                traits:
                  - {name: first, description: first, x-axion-key: $message.payload#/id}
                  - $ref: '#/components/messageTraits/named'
                payload: {type: object, properties: {id: {type: string}}, required: [id]}
        operations:
          take:
            channel: {$ref: '#/channels/c'}
            action: receive
            traits: [{summary: taken}]
        components:
          messageTraits:
            named: {name: second}
        """,
    )
    message = contract.topics[0].messages[0]
    assert message.name == "second"
    assert message.description == "its own"
    assert message.key is not None
    assert message.key.path == ("id",)


def test_kafka_and_standard_of_a_channel(tmp_path: Path) -> None:
    channel = (
        "x-axion-headers: optional\n    x-axion-unknown: dead-letter\n"
        "    bindings: {kafka: {topic: real, partitions: 6, replicas: 3}}"
    )
    topic = contract_of(tmp_path, small(channel=channel)).topics[0]
    assert topic.address == "real"
    assert (topic.partitions, topic.replicas) == (6, 3)
    assert (topic.foreign_producers, topic.unknown) == (True, "dead-letter")


def test_bindings_may_be_referred_to(tmp_path: Path) -> None:
    text = small(channel="bindings: {$ref: '#/components/channelBindings/wide'}")
    text += "components: {channelBindings: {wide: {kafka: {partitions: 9}}}}\n"
    assert contract_of(tmp_path, text).topics[0].partitions == 9


def test_a_multi_format_schema_is_unwrapped(tmp_path: Path) -> None:
    payload = (
        "{schemaFormat: 'application/schema+json;version=draft-07', schema: {type: object,"
        " properties: {id: {type: string}}}}"
    )
    (schema,) = contract_of(tmp_path, small(payload=payload)).schemas.values()
    assert schema.definition == {"type": "object", "properties": {"id": {"type": "string"}}}


def test_only_what_becomes_python_is_kept_of_a_schema(tmp_path: Path) -> None:
    payload = "{type: object, title: T, customTypePath: os.system, x-y: 1, $id: a, examples: [1]}"
    (schema,) = contract_of(tmp_path, small(payload=payload)).schemas.values()
    assert schema.definition == {"type": "object"}


def test_yaml_is_read_as_version_1_2(tmp_path: Path) -> None:
    payload = "{enum: [no, on, 1_000, 0o17, 012, 2020-01-01, ~, 'null', 0x1F, 1:30]}"
    (schema,) = contract_of(tmp_path, small(payload=payload)).schemas.values()
    assert schema.definition["enum"] == [
        "no", "on", "1_000", 15, 12, "2020-01-01", None, "null", 31, "1:30",
    ]  # fmt: skip


def test_merge_keys_give_way_to_keys(tmp_path: Path) -> None:
    text = small(message="<<: {name: merged, description: said}\n        name: own")
    (message,) = contract_of(tmp_path, text).topics[0].messages
    assert (message.name, message.description) == ("own", "said")


def test_what_will_hurt_is_a_warning(tmp_path: Path) -> None:
    text = small(
        message="x-axion-key: $message.payload#/id",
        payload="{properties: {id: {type: string, pattern: '(?=x)'}}}",
    ).replace("operations:", "  unused: {address: unused}\noperations:")
    found = found_in(tmp_path, text)
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("key-optional", "warning"),
        ("schema-pattern", "warning"),
        ("channel-unused", "warning"),
    ]


def test_names_that_collide_in_python(tmp_path: Path) -> None:
    text = small().replace("operations:", "      thing-made: {payload: {}}\noperations:")
    found = found_in(tmp_path, text)
    assert [finding.rule for finding in found] == ["name-collision"]
    assert "`ThingMade`" in found[0].message


KEYS = """
    asyncapi: 3.0.0
    info: {title: T, version: '1'}
    channels:
      c:
        address: c
        bindings: {kafka: {partitions: 3}}
        messages:
          a: {x-axion-key: $message.payload#/id, payload: {$ref: '#/components/schemas/S'}}
          b: {payload: {$ref: '#/components/schemas/S'}}
    operations:
      give:
        action: send
        channel: {$ref: '#/channels/c'}
    components:
      schemas:
        S: {type: object, required: [id], properties: {id: {type: string}}}
"""


def test_messages_that_may_overtake_each_other_are_a_warning(tmp_path: Path) -> None:
    (found,) = found_in(tmp_path, KEYS)
    assert (found.rule, found.severity) == ("key-missing", "warning")
    assert "`b`" in found.message


def test_no_key_is_needed_where_nothing_can_overtake(tmp_path: Path) -> None:
    one, key = "messages: [{$ref: '#/channels/c/messages/b'}]", "{kafka: {key: {type: string}}}"
    for text in (
        KEYS.replace("partitions: 3", "partitions: 1"),
        KEYS.replace("action: send", "action: receive"),
        KEYS.replace("action: send", f"action: send\n        {one}"),
        KEYS.replace("b: {payload", f"b: {{bindings: {key}, payload"),
    ):
        assert [finding.rule for finding in found_in(tmp_path, text)] == []


@pytest.mark.parametrize(
    ("schema", "rules"),
    [
        ("{type: string}", []),
        ("{type: [string, integer]}", []),
        ("{enum: [a, 1]}", []),
        ("{const: a}", []),
        ("{anyOf: [{type: string}, {type: boolean}]}", []),
        ("{type: [string, 'null']}", ["key-optional"]),
        ("{enum: [a, null]}", ["key-optional"]),
        ("{oneOf: [{type: string}, {type: 'null'}]}", ["key-optional"]),
        ("{type: 'null'}", ["key-expression"]),
        ("{type: [string, array]}", ["key-expression"]),
        ("{type: object}", ["key-expression"]),
        ("{}", ["key-expression"]),
        ("{anyOf: [{type: string}, {}]}", ["key-expression"]),
    ],
)
def test_a_key_is_a_scalar(tmp_path: Path, schema: str, rules: list[str]) -> None:
    text = small(
        message="x-axion-key: $message.payload#/id",
        payload=f"{{type: object, required: [id], properties: {{id: {schema}}}}}",
    )
    assert [finding.rule for finding in found_in(tmp_path, text)] == rules

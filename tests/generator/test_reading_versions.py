"""AsyncAPI 2.0 to 2.6, 3.0 and 3.1 become the same contract."""

import json
from pathlib import Path

import pytest

from axion_gen.asyncapi import Contract

from .generating import contract_of, found_in, small, warned

ALL_OF_2 = ["2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0"]
ORDERS = """
    asyncapi: 2.6.0
    info: {title: Orders, version: '1'}
    channels:
      orders:
        publish:
          operationId: placeOrder
          message: {$ref: '#/components/messages/OrderPlaced'}
        subscribe:
          message:
            oneOf:
              - {$ref: '#/components/messages/OrderPlaced'}
              - {name: order.paid, payload: {type: object}}
    components:
      messages:
        OrderPlaced: {payload: {type: object, properties: {id: {type: string}}}}
"""


def handled(contract: Contract, action: str) -> list[str]:
    """The names of what is sent or received."""
    return [
        message.name
        for operation in contract.operations
        if operation.action == action
        for message in operation.messages
    ]


@pytest.mark.parametrize("version", ALL_OF_2)
def test_what_others_publish_is_received_and_what_they_subscribe_to_is_sent(
    tmp_path: Path, version: str
) -> None:
    contract = contract_of(tmp_path, ORDERS.replace("2.6.0", version))
    assert handled(contract, "receive") == ["OrderPlaced"]
    assert handled(contract, "send") == ["OrderPlaced", "order.paid"]
    (topic,) = contract.topics
    assert [message.name for message in topic.messages] == ["OrderPlaced", "order.paid"]


def test_a_document_written_the_other_way_round(tmp_path: Path) -> None:
    contract, _ = warned(tmp_path, ORDERS, "client")
    assert handled(contract, "send") == ["OrderPlaced"]
    assert handled(contract, "receive") == ["OrderPlaced", "order.paid"]


def test_a_client_of_an_application_described_in_version_3(tmp_path: Path) -> None:
    contract, _ = warned(tmp_path, small(), "client")
    assert handled(contract, "send") == ["thing.made"]


@pytest.mark.parametrize("version", ["3.0.0", "3.1.0"])
def test_version_3(tmp_path: Path, version: str) -> None:
    contract = contract_of(tmp_path, small().replace("3.0.0", version))
    assert handled(contract, "receive") == ["thing.made"]


def test_ros2_is_known_since_3_1(tmp_path: Path) -> None:
    text = small(channel="bindings: {ros2: {}}").replace("3.0.0", "3.1.0")
    assert contract_of(tmp_path, text).topics[0].address == "things"


def test_json(tmp_path: Path) -> None:
    document = {
        "asyncapi": "2.0.0",
        "info": {"title": "T", "version": "1"},
        "channels": {"a": {"publish": {"message": {"name": "b", "payload": {}}}}},
    }
    assert handled(contract_of(tmp_path, json.dumps(document)), "receive") == ["b"]


def operations(channel: str) -> str:
    """A document of version 2.6 with one channel."""
    return f"""
    asyncapi: 2.6.0
    info: {{title: T, version: '1'}}
    channels:
      orders: {channel}
    components:
      channels:
        shared: {{publish: {{message: {{name: a, payload: {{}}}}}}}}
      messages:
        Placed: {{messageId: placed-id, payload: {{type: object}}}}
        Named: {{name: named, messageId: named-id, payload: {{type: object}}}}
        Moved: {{$ref: '#/components/messages/Keyed'}}
        Keyed: {{payload: {{type: object}}}}
    """


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("{$ref: '#/components/messages/Named'}", "named"),
        ("{$ref: '#/components/messages/Placed'}", "placed-id"),
        ("{$ref: '#/components/messages/Keyed'}", "Keyed"),
        ("{$ref: '#/components/messages/Moved'}", "Moved"),
        ("{$ref: './parts/order.shipped.yaml'}", "order"),
        ("{$ref: './parts/order.shipped.yaml#/x-others/there'}", "there"),
        ("{payload: {type: object}}", "orders"),
        ("{title: Placed, payload: {type: object}}", "orders"),
    ],
)
def test_names_of_messages_in_version_2(tmp_path: Path, message: str, name: str) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "order.shipped.yaml").write_text(
        "payload: {type: object}\nx-others: {there: {payload: {type: object}}}\n"
    )
    text = operations(f"{{publish: {{message: {message}}}}}")
    assert handled(contract_of(tmp_path, text), "receive") == [name]


def test_a_second_message_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    text = operations("{publish: {message: {oneOf: [{payload: {}}, {payload: {type: object}}]}}}")
    contract, warnings = warned(tmp_path, text)
    assert handled(contract, "receive") == ["orders", "orders.2"]
    assert warnings == ["message-unnamed"]


def test_messages_in_a_union_within_a_union(tmp_path: Path) -> None:
    union = "{oneOf: [{oneOf: [{name: a, payload: {}}]}, {name: b, payload: {type: object}}]}"
    contract = contract_of(tmp_path, operations(f"{{publish: {{message: {union}}}}}"))
    assert handled(contract, "receive") == ["a", "b"]


def test_an_operation_without_a_message(tmp_path: Path) -> None:
    contract = contract_of(tmp_path, operations("{publish: {summary: nothing is said}}"))
    assert handled(contract, "receive") == []
    assert contract.topics[0].address == "orders"


def test_a_channel_may_be_referred_to(tmp_path: Path) -> None:
    text = operations("{$ref: '#/components/channels/shared'}")
    assert handled(contract_of(tmp_path, text), "receive") == ["a"]


def test_one_description_of_two_channels_is_two_topics(tmp_path: Path) -> None:
    text = operations("{$ref: '#/components/channels/shared'}").replace(
        "components:", "  again: {$ref: '#/components/channels/shared'}\n    components:", 1
    )
    contract = contract_of(tmp_path, text)
    assert [topic.address for topic in contract.topics] == ["orders", "again"]


def test_a_format_beside_the_payload(tmp_path: Path) -> None:
    message = (
        "{schemaFormat: 'application/schema+json;version=draft-07', name: a,"
        " payload: {type: object, properties: {id: {type: string}}}}"
    )
    contract = contract_of(tmp_path, operations(f"{{publish: {{message: {message}}}}}"))
    (schema,) = contract.schemas.values()
    assert schema.definition == {"type": "object", "properties": {"id": {"type": "string"}}}


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (
            "{publish: {operationId: a}, subscribe: {operationId: a}}",
            "`operationId` is `a`, as on line 4: it is to be one thing's alone",
        ),
        (
            "{publish: {message: {messageId: a}}, subscribe: {message: {messageId: a}}}",
            "`messageId` is `a`, as on line 4: it is to be one thing's alone",
        ),
        ("{servers: [prod]}", "there is no server `prod`"),
    ],
)
def test_what_the_specification_wants_of_ids(tmp_path: Path, channel: str, said: str) -> None:
    found = found_in(tmp_path, operations(channel))
    assert ("invalid-value", said) in [(finding.rule, finding.message) for finding in found]


@pytest.mark.parametrize("version", ["1.2.0", "2.7.0", "3.2.0", "4.0.0", "x"])
def test_other_versions_are_not_read(tmp_path: Path, version: str) -> None:
    found = found_in(tmp_path, small().replace("3.0.0", version))
    assert [(finding.rule, finding.location.line) for finding in found] == [
        ("unsupported-version", 1)
    ]


def test_what_only_version_2_has_is_unknown_in_version_3(tmp_path: Path) -> None:
    found = found_in(tmp_path, small(channel="publish: {}"))
    assert [finding.rule for finding in found] == ["unknown-field"]


def test_what_only_version_3_has_is_unknown_in_version_2(tmp_path: Path) -> None:
    found = found_in(tmp_path, operations("{address: a}"))
    assert "unknown-field" in {finding.rule for finding in found}


def test_unions_of_messages_that_multiply(tmp_path: Path) -> None:
    text = operations("{publish: {message: {$ref: '#/x-0'}}}")
    for number in range(60):
        one = f"{{$ref: '#/x-{number + 1}'}}"
        text += f"x-{number}: {{oneOf: [{one}, {one}]}}\n    "
    text += "x-60: {name: m, payload: {}}\n"
    assert handled(contract_of(tmp_path, text), "receive") == ["m"]

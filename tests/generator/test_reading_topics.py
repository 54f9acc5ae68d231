"""What a channel's topic is called, and the parameters in its name."""

from pathlib import Path

import pytest

from .generating import found_in, small, warned


def channel(address: str, more: str = "", version: str = "3.0.0") -> str:
    """A document with one channel of this address."""
    if version.startswith("2"):
        return f"""\
asyncapi: {version}
info: {{title: T, version: '1'}}
channels:
  {address}:
    {more}
    publish: {{message: {{name: m, payload: {{type: object}}}}}}
"""
    return small(channel=more).replace("address: things", f"address: {address}")


@pytest.mark.parametrize("version", ["2.0.0", "3.1.0"])
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/user/signedup", "user.signedup"),
        ("user/{userId}/signedup", "user.{userId}.signedup"),
        ("user:signed up!", "user_signed_up_"),
        ("ünïcode", "_n_code"),
        ("a{b", "a_b"),
        ("a{}b", "a__b"),
        ("/", "root"),
    ],
)
def test_an_address_becomes_a_topic_of_kafka(
    tmp_path: Path, version: str, address: str, name: str
) -> None:
    parameters = "parameters: {userId: {}}" if "userId" in address else ""
    contract, warnings = warned(tmp_path, channel(f"'{address}'", parameters, version))
    assert [topic.address for topic in contract.topics] == [name]
    assert warnings == ["topic-renamed"]


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0"])
def test_an_address_that_kafka_knows_stays(tmp_path: Path, version: str) -> None:
    contract, warnings = warned(tmp_path, channel("user.signed-up_2", "", version))
    assert [topic.address for topic in contract.topics] == ["user.signed-up_2"]
    assert warnings == []


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0"])
def test_the_binding_names_the_topic(tmp_path: Path, version: str) -> None:
    more = "bindings: {kafka: {topic: real}}"
    contract, warnings = warned(tmp_path, channel("a/b", more, version))
    assert [topic.address for topic in contract.topics] == ["real"]
    assert warnings == []


@pytest.mark.parametrize("address", ["address: null", "description: none"])
def test_without_an_address_the_topic_is_called_by_the_id(tmp_path: Path, address: str) -> None:
    contract, warnings = warned(tmp_path, small().replace("address: things", address))
    assert [topic.address for topic in contract.topics] == ["things"]
    assert warnings == ["topic-unnamed"]


def test_without_an_address_the_binding_names_the_topic(tmp_path: Path) -> None:
    text = small(channel="bindings: {kafka: {topic: real}}").replace("address: things", "title: T")
    contract, warnings = warned(tmp_path, text)
    assert ([topic.address for topic in contract.topics], warnings) == (["real"], [])


@pytest.mark.parametrize("name", ["a b", "..", "a" * 250])
def test_a_binding_that_names_no_topic_of_kafka(tmp_path: Path, name: str) -> None:
    text = small(channel=f"bindings: {{kafka: {{topic: '{name}'}}}}")
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["topic-address"]


TWO = """
asyncapi: 3.0.0
info: {title: T, version: '1'}
channels:
  ping:
    address: both
    messages: {ping: {$ref: '#/components/messages/Ping'}}
    bindings: {kafka: {replicas: 2}}
  pong:
    address: both
    messages:
      pong: {payload: {type: object}}
      ping: {$ref: '#/components/messages/Ping'}
    bindings: {kafka: {replicas: 3}}
operations:
  receivePing: {action: receive, channel: {$ref: '#/channels/ping'}}
  sendPong: {action: send, channel: {$ref: '#/channels/pong'}}
components: {messages: {Ping: {payload: {type: object}}}}
"""


def test_two_channels_of_one_address_are_one_topic(tmp_path: Path) -> None:
    contract, warnings = warned(tmp_path, TWO)
    (topic,) = contract.topics
    assert [message.name for message in topic.messages] == ["ping", "pong"]
    assert [message.name for message in contract.messages(topic, "send")] == ["ping", "pong"]
    assert topic.replicas == 3
    assert warnings == ["topic-duplicate"]


def test_a_message_described_twice_by_one_name_and_schema_is_one(tmp_path: Path) -> None:
    text = """
    asyncapi: 2.4.0
    info: {title: T, version: '1'}
    channels:
      c:
        publish: {message: {name: m, payload: {$ref: '#/components/schemas/S'}}}
        subscribe: {message: {name: m, payload: {$ref: '#/components/schemas/S'}}}
    components: {schemas: {S: {type: object}}}
    """
    contract, warnings = warned(tmp_path, text)
    assert [message.name for message in contract.topics[0].messages] == ["m"]
    assert [operation.messages for operation in contract.operations] == [
        contract.topics[0].messages
    ] * 2
    assert warnings == []


def test_two_messages_of_one_name_on_one_topic(tmp_path: Path) -> None:
    text = small().replace("operations:", "      b: {name: thing.made, payload: {}}\noperations:")
    assert "message-duplicate" in {finding.rule for finding in found_in(tmp_path, text)}


PARAMETERS = [
    (
        "3.0.0",
        "{description: Which., enum: [eu, us], default: eu, examples: [us]}",
        ("Which.", ("eu", "us"), "eu", ("us",)),
    ),
    ("3.0.0", "{}", ("", (), None, ())),
    ("3.0.0", "{$ref: '#/components/parameters/shared'}", ("Shared.", (), None, ())),
    (
        "2.6.0",
        "{description: Which., schema: {type: string, enum: [eu, us], default: eu}}",
        ("Which.", ("eu", "us"), "eu", ()),
    ),
    ("2.0.0", "{schema: {type: string, const: eu}}", ("", ("eu",), None, ())),
    (
        "2.0.0",
        "{schema: {type: integer, enum: [1, 2, 2], examples: [1]}}",
        ("", ("1", "2"), None, ("1",)),
    ),
    ("2.0.0", "{$ref: '#/components/parameters/shared'}", ("Shared.", (), None, ())),
]


@pytest.mark.parametrize(("version", "described", "expected"), PARAMETERS)
def test_parameters(
    tmp_path: Path, version: str, described: str, expected: tuple[object, ...]
) -> None:
    text = channel("'orders.{region}'", f"parameters: {{region: {described}}}", version)
    text += "components: {parameters: {shared: {description: Shared.}}}\n"
    contract, warnings = warned(tmp_path, text)
    (parameter,) = contract.topics[0].parameters
    said = (parameter.description, parameter.choices, parameter.default, parameter.examples)
    assert (parameter.name, said, warnings) == ("region", expected, [])


def test_parameters_are_in_the_order_of_the_address(tmp_path: Path) -> None:
    text = channel("'{b}.{a}.{b}'", "parameters: {a: {}, b: {}}")
    contract, _ = warned(tmp_path, text)
    assert [parameter.name for parameter in contract.topics[0].parameters] == ["b", "a"]


def test_a_parameter_that_is_not_described(tmp_path: Path) -> None:
    contract, warnings = warned(tmp_path, channel("'orders.{region}'"))
    assert [parameter.name for parameter in contract.topics[0].parameters] == ["region"]
    assert warnings == ["parameter-undescribed"]


def test_a_parameter_that_the_address_does_not_have(tmp_path: Path) -> None:
    contract, warnings = warned(tmp_path, channel("orders", "parameters: {region: {}}"))
    assert (contract.topics[0].parameters, warnings) == ((), ["parameter-unused"])


def test_a_parameter_of_an_address_that_the_binding_replaces(tmp_path: Path) -> None:
    more = "parameters: {region: {}}\n    bindings: {kafka: {topic: orders}}"
    contract, warnings = warned(tmp_path, channel("'orders.{region}'", more))
    assert (contract.topics[0].parameters, warnings) == ((), [])

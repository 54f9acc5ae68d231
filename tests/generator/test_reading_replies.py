"""Replies of 3.x: on a channel, on one that the request names, or not at all known."""

from pathlib import Path

import pytest

from axion_gen.asyncapi.contract import Contract, Reply

from .generating import found_in, warned


def document(reply: str, pong: str = "address: pong", action: str = "receive") -> str:
    return f"""\
asyncapi: 3.0.0
info: {{title: T, version: '1'}}
channels:
  ping:
    address: ping
    messages: {{ping: {{payload: {{type: object}}}}}}
  pong:
    {pong}
    messages:
      pong: {{payload: {{type: object, properties: {{a: {{}}}}}}}}
      failed: {{payload: {{type: object, properties: {{b: {{}}}}}}}}
operations:
  ask: {{action: {action}, channel: {{$ref: '#/channels/ping'}}, reply: {reply}}}
components:
  replies: {{shared: {{channel: {{$ref: '#/channels/pong'}}}}}}
  replyAddresses: {{shared: {{location: $message.header#/replyTo}}}}
  messages: {{Other: {{payload: {{type: object}}}}}}
"""


def replies(folder: Path, text: str) -> tuple[Contract, Reply, list[str]]:
    contract, warnings = warned(folder, text)
    (operation,) = contract.operations
    assert operation.reply is not None
    return contract, operation.reply, warnings


def names(reply: Reply) -> list[str]:
    return [message.name for message in reply.messages]


@pytest.mark.parametrize(
    "said", ["{channel: {$ref: '#/channels/pong'}}", "{$ref: '#/components/replies/shared'}"]
)
def test_on_a_channel(tmp_path: Path, said: str) -> None:
    contract, reply, warnings = replies(tmp_path, document(said))
    assert [topic.address for topic in contract.topics] == ["ping", "pong"]
    assert reply.topic is contract.topics[1]
    assert (names(reply), reply.address) == (["pong", "failed"], None)
    assert warnings == []


def test_some_messages_of_the_channel(tmp_path: Path) -> None:
    said = (
        "{channel: {$ref: '#/channels/pong'},"
        " messages: [{$ref: '#/channels/pong/messages/failed'}]}"
    )
    assert names(replies(tmp_path, document(said))[1]) == ["failed"]


@pytest.mark.parametrize("pong", ["address: null", "title: nowhere"])
@pytest.mark.parametrize(
    "address",
    ["{location: $message.header#/replyTo}", "{$ref: '#/components/replyAddresses/shared'}"],
)
def test_where_the_request_says(tmp_path: Path, pong: str, address: str) -> None:
    said = f"{{channel: {{$ref: '#/channels/pong'}}, address: {address}}}"
    contract, reply, warnings = replies(tmp_path, document(said, pong))
    assert [topic.address for topic in contract.topics] == ["ping"]
    assert (reply.topic, reply.address) == (None, "$message.header#/replyTo")
    assert names(reply) == ["pong", "failed"]
    assert warnings == []
    payloads = {message.payload for message in reply.messages}
    assert payloads <= contract.schemas.keys()


def test_without_any_address_the_topic_is_called_by_the_id(tmp_path: Path) -> None:
    said = "{channel: {$ref: '#/channels/pong'}}"
    contract, reply, warnings = replies(tmp_path, document(said, "address: null"))
    assert reply.topic is contract.topics[1]
    assert (contract.topics[1].address, warnings) == ("pong", ["topic-unnamed"])


def test_without_a_channel_it_names_its_messages(tmp_path: Path) -> None:
    said = (
        "{address: {location: $message.header#/replyTo},"
        " messages: [{$ref: '#/components/messages/Other'},"
        " {$ref: '#/channels/ping/messages/ping'}]}"
    )
    contract, reply, _ = replies(tmp_path, document(said))
    assert names(reply) == ["Other", "ping"]
    assert reply.messages[1] is contract.topics[0].messages[0]


def test_whoever_asks_describes_it_alike(tmp_path: Path) -> None:
    said = "{channel: {$ref: '#/channels/pong'}}"
    contract, reply, _ = replies(tmp_path, document(said, action="send"))
    assert contract.operations[0].action == "send"
    assert names(reply) == ["pong", "failed"]


def test_a_message_that_the_reply_s_channel_does_not_carry(tmp_path: Path) -> None:
    said = (
        "{channel: {$ref: '#/channels/pong'}, messages: [{$ref: '#/channels/ping/messages/ping'}]}"
    )
    assert "foreign-message" in [finding.rule for finding in found_in(tmp_path, document(said))]


def test_a_channel_that_is_none(tmp_path: Path) -> None:
    found = found_in(tmp_path, document("{channel: {$ref: '#/info'}}"))
    assert "invalid-value" in [finding.rule for finding in found]

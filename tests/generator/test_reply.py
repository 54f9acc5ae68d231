"""Operations with a reply, in what is generated."""

import importlib
from pathlib import Path

import pytest

from axion_gen.asyncapi import Contract
from axion_gen.asyncapi.contract import Parameter
from axion_gen.runtime.testing import EmbeddedBroker

from .addressing import addressed, generate, replying
from .generating import imported
from .type_checkers import MYPY, PYRIGHT, checked

PING = """\
asyncapi: 3.0.0
info: {title: Ping, version: 1.0.0}
channels:
  pings:
    address: pings
    messages:
      ping: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
      peng: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
  pongs:
    address: pongs
    messages:
      pong: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
      refused: {payload: {type: object, required: [why], properties: {why: {type: string}}}}
  where:
    address: where
    messages:
      locate: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
  places:
    address: places
    messages:
      located: {payload: {type: object, required: [at], properties: {at: {type: string}}}}
operations:
  ping: {action: ACTION, channel: {$ref: '#/channels/pings'}}
  locate: {action: ACTION, channel: {$ref: '#/channels/where'}}
  pong: {action: receive, channel: {$ref: '#/channels/pongs'}, messages: []}
  located: {action: receive, channel: {$ref: '#/channels/places'}, messages: []}
"""
ASKS = PING.replace("ACTION", "send")
ANSWERS = PING.replace("ACTION", "receive")
REPLIES = replying({"ping": ("pongs", None), "locate": ("places", "$message.header#/replyTo")})

SERVICE = """
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import Locate, Located, Peng, Ping, Pong, Refused


@final
class Answers(Handlers):
    async def on_ping(self, message: Ping, context: Context) -> Pong | Refused:
        return Pong(id=message.id) if message.id else Refused(why="no id")

    async def on_peng(self, message: Peng, context: Context) -> Pong:
        return Pong(id=message.id)

    def on_locate(self, message: Locate, context: Context) -> Located:
        return Located(at=message.id)
"""


async def test_a_handler_returns_its_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert generate(tmp_path, "returns", ANSWERS, REPLIES) == []
    (tmp_path / "returns" / "service.py").write_text(SERVICE.format(name="returns"))
    service = imported(monkeypatch, tmp_path, "returns.service")
    messages = importlib.import_module("returns.bus.messages")
    bus = importlib.import_module("returns.bus.testing").MemoryBus(service.Answers())
    asked = (messages.Ping(id="1"), messages.Ping(id=""), messages.Locate(id="2"))
    replies = [(await bus.deliver(message)).reply for message in asked]
    assert replies == [
        messages.Pong(id="1"),
        messages.Refused(why="no id"),
        messages.Located(at="2"),
    ]
    assert [emitted.message for emitted in bus.emitted] == replies
    assert [emitted.topic for emitted in bus.emitted] == ["pongs", "pongs", "test-replies"]


async def test_two_generated_services_on_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path, "answering", ANSWERS, REPLIES)
    generate(tmp_path, "asking", ASKS, REPLIES)
    (tmp_path / "answering" / "service.py").write_text(SERVICE.format(name="answering"))
    service = imported(monkeypatch, tmp_path, "answering.service")
    answering = importlib.import_module("answering.bus.kafka")
    settings = importlib.import_module("answering.bus.runtime").KafkaSettings
    messages = importlib.import_module("asking.bus.messages")
    asking = importlib.import_module("asking.bus.kafka")
    asks = importlib.import_module("asking.bus.runtime")
    somebody = asks.Metadata(user_id="ada", project_id="looms")
    topics = ["pings", "pongs", "where", "places", "a-dlq", "a-replay", "b-replies"]
    with EmbeddedBroker(topics=dict.fromkeys(topics, 1)) as broker:
        servers = {"bootstrap_servers": broker.bootstrap_servers}
        one = answering.Bus("a", settings(**servers))
        other = asking.Bus("b", asks.KafkaSettings(**servers))
        async with one.run(service.Answers()), other.run():
            for topic, request, reply in (
                ("pings", messages.Ping(id="1"), messages.Pong(id="1")),
                ("pings", messages.Ping(id=""), messages.Refused(why="no id")),
                ("where", messages.Locate(id="2"), messages.Located(at="2")),
            ):
                got = await other.client.request(topic, request, timeout_s=20, metadata=somebody)
                assert got == reply


async def test_the_broker_of_a_package_has_the_topic_of_replies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path, "named", ASKS, REPLIES)
    generate(tmp_path, "unnamed", ANSWERS, REPLIES)
    topics = imported(monkeypatch, tmp_path, "named.bus.topics")
    assert topics.CONTRACT.names_replies
    assert not importlib.import_module("unnamed.bus.topics").CONTRACT.names_replies


def test_a_reply_whose_topic_nobody_knows_is_none(tmp_path: Path) -> None:
    def change(contract: Contract) -> Contract:
        here = contract.topics[0].location
        region = Parameter("region", "", here)
        return addressed({"pongs": ("pongs.{region}", (region,))})(REPLIES(contract))

    (diagnostic,) = generate(tmp_path, "unknown", ANSWERS, change)
    assert diagnostic.rule == "reply-parameters"
    assert "`region`" in diagnostic.message
    source = (tmp_path / "unknown" / "bus" / "handlers.py").read_text()
    assert "def on_ping(self, message: Ping, context: Context) -> Awaitable[None] | None" in source


async def test_a_reply_goes_to_the_topic_with_the_requests_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(contract: Contract) -> Contract:
        region = Parameter("region", "", contract.topics[0].location)
        addresses = {"pings": ("{region}.pings", (region,)), "pongs": ("{region}.pongs", (region,))}
        return addressed(addresses)(replying({"ping": ("pongs", None)})(contract))

    text = ANSWERS.replace("  locate: {action: receive", "  locate: {action: send")
    assert generate(tmp_path, "regions", text, change) == []
    handlers = imported(monkeypatch, tmp_path, "regions.bus.handlers").Handlers
    messages = importlib.import_module("regions.bus.messages")
    topics = importlib.import_module("regions.bus.topics")

    class Answers(handlers):  # type: ignore[misc, valid-type]  # known only now
        async def on_ping(self, message: object, context: object) -> object:
            return messages.Pong(id="1")

        async def on_peng(self, message: object, context: object) -> object:
            return messages.Pong(id="2")

    bus = importlib.import_module("regions.bus.testing").MemoryBus(Answers())
    await bus.deliver(messages.Ping(id="1"), topic=topics.RegionPingsTopic(region="eu"))
    assert [emitted.topic for emitted in bus.emitted] == ["eu.pongs"]


USE = """
from asks.bus.client import Client
from asks.bus.messages import Locate, Located, Peng, Ping, Pong, Refused


async def use(client: Client) -> Pong | Refused:
    located: Located = await client.request("where", Locate(id="1"), timeout_s=5)
    return await client.request("pings", Peng(id=located.at), timeout_s=0.5)
"""
WRONG_ASKS = """
from asks.bus.client import Client
from asks.bus.messages import Locate, Ping, Pong


async def use(client: Client) -> None:
    await client.request("where", Ping(id="1"), timeout_s=5)  # not there
    await client.request("where", Locate(id="1"))  # no timeout
    _: Pong = await client.request("where", Locate(id="1"), timeout_s=5)  # another reply
    await client.request("pongs", Pong(id="1"), timeout_s=5)  # nobody answers
"""
WRONG_ANSWERS = """
from answers.bus.handlers import Context, Handlers
from answers.bus.messages import Locate, Located, Peng, Ping, Pong


class Wrong(Handlers):
    async def on_ping(self, message: Ping, context: Context) -> Located:  # another reply
        return Located(at="x")

    async def on_peng(self, message: Peng, context: Context) -> None: ...  # no reply

    def on_locate(self, message: Locate, context: Context) -> Pong:  # another reply
        return Pong(id=message.id)
"""


def marked(text: str) -> set[int]:
    return {number for number, line in enumerate(text.splitlines(), 1) if "  # " in line}


def test_type_checkers_take_what_is_right_and_point_at_what_is_wrong(tmp_path: Path) -> None:
    generate(tmp_path, "answers", ANSWERS, REPLIES)
    generate(tmp_path, "asks", ASKS, REPLIES)
    (tmp_path / "answers" / "service.py").write_text(SERVICE.format(name="answers"))
    for name, text in {"use": USE, "ask": WRONG_ASKS, "answer": WRONG_ANSWERS}.items():
        (tmp_path / f"{name}.py").write_text(text)
    right = ["answers/service.py", "answers/bus/handlers.py", "asks/bus/client.py", "use.py"]
    assert "Success" in checked(tmp_path, *MYPY, *right)
    assert "0 errors, 0 warnings" in checked(tmp_path, *PYRIGHT, *right)
    for command, sign in ((MYPY, ": error:"), (PYRIGHT, " - error:")):
        said = checked(tmp_path, *command, "ask.py", "answer.py")
        for name, text in {"ask.py": WRONG_ASKS, "answer.py": WRONG_ANSWERS}.items():
            lines = [line for line in said.splitlines() if sign in line and f"{name}:" in line]
            assert {int(line.split(".py:")[1].split(":")[0]) for line in lines} == marked(text), (
                said
            )

"""Addresses with parameters: what is emitted, what is read, and what is refused."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from axion_gen import runtime
from axion_gen.runtime import (
    Contract,
    KafkaSettings,
    Message,
    Parameter,
    PermanentError,
    StartError,
    Topic,
    TopicAddress,
    testing,
)
from axion_gen.runtime.addresses import Topics, names
from axion_gen.runtime.dead_letters import Letter, replayed
from axion_gen.runtime.dead_letters import read as letter_of
from axion_gen.runtime.errors import TopicRefusedError
from axion_gen.runtime.kafka import connection
from axion_gen.runtime.testing import EmbeddedBroker

from .items import SOMEBODY
from .kafka import read, until, write
from .test_bus import SHORT
from .test_headers import GOOD


class Placed(BaseModel):
    id: str


class Logged(BaseModel):
    id: str


GOOD_LOGGED = tuple({**GOOD, "x-message-type": b"logged"}.items())
PLACED = Message("order.placed", Placed, key=lambda message: message.id, handler="on_order_placed")
ORDERS = Topic(
    "orders.{region}",
    parameters=(Parameter("region", choices=("eu", "us"), default="eu"),),
    messages=(PLACED,),
)
LOGS = Topic(
    "logs.{level}.{order-id}",
    parameters=(Parameter("level", choices=("info", "warn")), Parameter("order-id")),
    messages=(Message("logged", Logged, handler="on_logged"),),
)
RAW = Topic("logs.info.raw", messages=(Message("raw", Logged),))


@dataclass(frozen=True, kw_only=True)
class OrdersTopic(TopicAddress):
    _topic: ClassVar[Topic] = ORDERS
    region: Literal["eu", "us"] = "eu"


@dataclass(frozen=True, kw_only=True)
class LogsTopic(TopicAddress):
    _topic: ClassVar[Topic] = LOGS
    level: str
    order_id: str


class Client(runtime.Client):
    async def emit(self, topic: str | TopicAddress, message: BaseModel) -> str:
        return await self._emit(topic, message, None, SOMEBODY)


Context = runtime.Context[Client, str]


class Handlers(runtime.Handlers):
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.fails = False

    async def on_order_placed(self, message: Placed, context: Context) -> None:
        self.seen.append((context.topic, dict(context.parameters)))
        if self.fails:
            raise PermanentError("broken")

    async def on_logged(self, message: Logged, context: Context) -> None:
        self.seen.append((context.topic, dict(context.parameters)))


def memory(handlers: Handlers, *topics: Topic) -> testing.MemoryBus[Client]:
    return testing.MemoryBus(handlers, Contract("Orders", "1", topics or (ORDERS, LOGS)), Client)


async def test_what_is_emitted_goes_to_the_filled_topic() -> None:
    bus = memory(Handlers())
    await bus.client.emit(OrdersTopic(region="us"), Placed(id="1"))
    await bus.client.emit(OrdersTopic(), Placed(id="1"))
    await bus.client.emit(LogsTopic(level="warn", order_id="a-1"), Logged(id="1"))
    assert [emitted.topic for emitted in bus.emitted] == ["orders.us", "orders.eu", "logs.warn.a-1"]
    assert bus.emitted[0].key == b"1"


async def test_the_message_must_be_one_of_the_topics() -> None:
    bus = memory(Handlers())
    with pytest.raises(TypeError, match=re.escape("'orders.{region}' carries Placed, not Logged")):
        await bus.client.emit(OrdersTopic(), Logged(id="1"))
    with pytest.raises(TypeError, match="has parameters"):
        await bus.client.emit("orders.{region}", Placed(id="1"))
    assert bus.emitted == []


@pytest.mark.parametrize("region", ["mars", "", "eu-dlq", "eu\n", None, ["eu"]])
def test_a_value_is_one_of_the_choices(region: Any) -> None:
    with pytest.raises(ValueError, match=r"region=.* is none of eu, us"):
        OrdersTopic(region=region)


@pytest.mark.parametrize("order", ["", "a.b", "../x", "a b", "ä", "a\n", "{level}", 7, "x" * 249])
def test_a_value_cannot_make_another_topic(order: Any) -> None:
    with pytest.raises(ValueError, match="LogsTopic: "):
        LogsTopic(level="info", order_id=order)


async def test_parameters_of_a_received_topic_lead_to_the_same_topic() -> None:
    handlers = Handlers()
    bus = memory(handlers)
    await bus.deliver(Placed(id="1"), topic=OrdersTopic(region="us"))
    await bus.deliver(Logged(id="1"), topic=LogsTopic(level="info", order_id="7"))
    assert handlers.seen == [
        ("orders.{region}", {"region": "us"}),
        ("logs.{level}.{order-id}", {"level": "info", "order-id": "7"}),
    ]
    assert LogsTopic.of(handlers.seen[1][1]) == LogsTopic(level="info", order_id="7")


async def test_a_delivered_message_needs_a_topic_with_values() -> None:
    with pytest.raises(LookupError, match="say topic="):
        await memory(Handlers()).deliver(Placed(id="1"))


async def test_a_dead_letter_is_replayed_to_the_topic_it_came_from() -> None:
    handlers = Handlers()
    bus = memory(handlers)
    handlers.fails = True
    await bus.deliver(Placed(id="1"), topic=OrdersTopic(region="us"))
    handlers.fails = False
    (letter,) = bus.dead
    assert ("x-dlq-topic", b"orders.us") in letter.headers
    await bus.replay(letter)
    assert handlers.seen == [("orders.{region}", {"region": "us"})] * 2
    assert len(bus.dead) == 1


# Which topics are read


def test_a_pattern_fits_the_topics_and_no_other() -> None:
    topics = Topics((LOGS, ORDERS), "dev.", (RAW,))
    assert set(topics) == {"dev.orders.eu", "dev.orders.us"}
    pattern = topics.pattern
    assert pattern is not None
    for name, values in {
        "dev.orders.eu": {"region": "eu"},
        "dev.logs.warn.a_1-B": {"level": "warn", "order-id": "a_1-B"},
    }.items():
        assert re.match(pattern, name)
        assert topics[name].values == values
    for name in (
        "orders.eu",
        "dev.orders.de",
        "devXorders.eu",
        "dev.logs.info.a.b",
        "dev.logs.info.raw",  # another topic of the contract
        "dev.logs.info.x-dlq",
        "dev.logs.info.x-replay",
        "dev.logs.info.",
        "dev.logs.debug.1",
        "a.dev.logs.info.1",
        "dev.logs.info.1.b",
    ):
        assert not re.match(pattern, name), name
        assert name not in topics


def test_the_same_parameter_has_the_same_value() -> None:
    twice = Topic("{a}.{b}.{a}", (PLACED,), parameters=(Parameter("b"), Parameter("a")))
    topics = Topics((twice, LOGS))
    assert topics["x.y.x"].values == {"a": "x", "b": "y"}
    assert "x.y.z" not in topics
    assert re.match(topics.pattern or "", "x.y.x")
    assert not re.match(topics.pattern or "", "x.y.z")


def test_a_literal_address_is_before_one_that_fits() -> None:
    literal = Topic("logs.info.raw", (Message("raw", Logged, handler="on_raw"),))
    assert Topics((LOGS, literal))["logs.info.raw"] is literal


def test_too_many_choices_are_not_listed() -> None:
    many = Parameter("many", choices=tuple(map(str, range(100))))
    assert len(names("{many}", (many,)) or ()) == 100
    assert names("{many}.{more}", (many, Parameter("more", choices=many.choices))) is None


_VALUES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)


@given(level=st.sampled_from(["info", "warn"]), order=_VALUES, prefix=st.sampled_from(["", "a."]))
def test_what_is_emitted_is_what_is_read(level: str, order: str, prefix: str) -> None:
    address = LogsTopic(level=level, order_id=order).address
    topics = Topics((LOGS,), prefix)
    if order.endswith(("-dlq", "-replay")):
        assert prefix + address not in topics
    else:
        assert topics[prefix + address].values == {"level": level, "order-id": order}


# On a broker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={"shop-dlq": 1, "shop-replay": 1}) as broker:
        yield broker


def bus_on(
    broker: EmbeddedBroker, *topics: Topic, **settings: Any
) -> runtime.Bus[Client, Handlers]:
    return runtime.Bus(
        "shop",
        Contract("Orders", "1", topics),
        Client,
        KafkaSettings(bootstrap_servers=broker.bootstrap_servers, **settings),
    )


async def test_every_choice_must_be_a_topic(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders.eu")
    with pytest.raises(StartError, match=r"topics are missing on .*: orders\.us;"):
        async with bus_on(broker, ORDERS).run(Handlers()):
            pass


async def test_every_choice_is_read(broker: EmbeddedBroker) -> None:
    broker.create_topic("orders.eu", 3)
    broker.create_topic("orders.us", 3)
    handlers = Handlers()
    bus = bus_on(broker, ORDERS)
    async with bus.run(handlers):
        await bus.client.emit(OrdersTopic(region="us"), Placed(id="1"))
        await bus.client.emit(OrdersTopic(region="eu"), Placed(id="1"))
        await until(lambda: len(handlers.seen) == 2, "both are handled")
    assert {values["region"] for _, values in handlers.seen} == {"eu", "us"}
    statistics = bus.statistics.topics
    assert set(statistics) == {"orders.{region}", "shop-replay"}  # not one for each value
    assert statistics["orders.{region}"].handled == 2


async def test_a_topic_that_is_made_later_is_found(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[connection.__module__], "METADATA_AGE_S", 0.2)
    for topic in ("dev.logs.info.1", "dev.shop-dlq", "dev.shop-replay", "dev.logs.info.raw"):
        broker.create_topic(topic)
    handlers = Handlers()
    bus = bus_on(broker, LOGS, RAW, topic_prefix="dev.", **SHORT)
    async with bus.run(handlers):
        await bus.client.emit(LogsTopic(level="info", order_id="1"), Logged(id="1"))
        await until(lambda: len(handlers.seen) == 1, "the topic that was there is read")
        new = LogsTopic(level="warn", order_id="2")
        broker.create_topic(f"dev.{new.address}")
        await bus.client.emit("logs.info.raw", Logged(id="raw"))
        await bus.client.emit(new, Logged(id="2"))
        await until(lambda: len(handlers.seen) == 2, "the new topic is read from its beginning")
    assert handlers.seen[1] == (LOGS.address, {"level": "warn", "order-id": "2"})
    assert bus.statistics.topics["dev.logs.{level}.{order-id}"].handled == 2
    (record,) = await read(broker.bootstrap_servers, "dev.logs.warn.2", at_least=1)
    assert record.value == b'{"id":"2"}'


async def test_a_replay_finds_a_topic_that_no_list_has(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    for topic in ("logs.info.raw", "logs.warn.9"):
        broker.create_topic(topic)
    handlers = Handlers()
    async with bus_on(broker, LOGS, RAW).run(handlers):
        await write(servers, "logs.warn.9", b"{}", headers=GOOD_LOGGED)
        (dead,) = await read(servers, "shop-dlq", at_least=1)
        letter = letter_of(dead)
        assert isinstance(letter, Letter)
        headers = tuple((name, value or b"") for name, value in replayed(letter))
        await write(servers, "shop-replay", b'{"id":"9"}', headers=headers)
        await until(lambda: len(handlers.seen) == 1, "the replayed letter is handled")
    assert handlers.seen == [(LOGS.address, {"level": "warn", "order-id": "9"})]


async def test_with_its_prefix_a_name_has_a_limit(broker: EmbeddedBroker) -> None:
    for topic in ("dev.shop-dlq", "dev.shop-replay", "dev.logs.info.raw"):
        broker.create_topic(topic)
    bus = bus_on(broker, LOGS, RAW, topic_prefix="dev.", emit_timeout_s=1)
    longest = LogsTopic(level="info", order_id="x" * (249 - len("logs.info.")))
    async with bus.run(Handlers()):
        with pytest.raises(TopicRefusedError, match="253 characters"):
            await bus.client.emit(longest, Logged(id="1"))

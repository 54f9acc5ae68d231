"""Requests and replies, between two services and in memory."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import create_async_engine

from axion_gen import runtime
from axion_gen.runtime import (
    Contract,
    InvalidReplyError,
    KafkaSettings,
    Message,
    NotRunningError,
    Reply,
    ReplyTimeoutError,
    RequestError,
    StartError,
    Topic,
    testing,
)
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.tracing import Tracing

from .items import SOMEBODY
from .kafka import read, until, write
from .test_headers import GOOD


class Ping(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: str
    request: int | str | None = None


class Pong(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: str
    request: int | str | None = None


class Refused(BaseModel):
    model_config = ConfigDict(frozen=True)
    reason: str


class Locate(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: str


class Located(BaseModel):
    model_config = ConfigDict(frozen=True)
    place: str


IN_PAYLOAD = "$message.payload#/request"
PONG = Message("pong", Pong, key=lambda message: message.id, correlation=IN_PAYLOAD)
REFUSED = Message("refused", Refused, correlation="$message.header#/REQUEST_ID")
PONGS = Topic("pongs", (PONG, REFUSED))
LOCATED = Message("located", Located, correlation="$message.header#/REQUEST_ID")


def contract(*, awaited: bool) -> Contract:
    """The contract of who asks, or of who answers."""
    pings = Topic(
        "pings",
        (
            Message(
                "ping",
                Ping,
                key=lambda message: message.id,
                handler=None if awaited else "on_ping",
                correlation=IN_PAYLOAD,
                reply=Reply((PONG, REFUSED), topic="pongs", awaited=awaited),
            ),
        ),
        foreign_producers=True,
    )
    locations = Topic(
        "locations",
        (
            Message(
                "locate",
                Locate,
                handler=None if awaited else "on_locate",
                correlation="$message.header#/REQUEST_ID",
                reply=Reply((LOCATED,), address="$message.header#/replyTo", awaited=awaited),
            ),
        ),
        foreign_producers=True,
    )
    return Contract("Ping", "1", (pings, PONGS, locations))


ASKS = contract(awaited=True)
ANSWERS = contract(awaited=False)
TOPICS = {"pings": 2, "pongs": 2, "locations": 1, "asker-replies": 1}
OWN = {"answerer-dlq": 1, "answerer-replay": 1}


class Client(runtime.Client):
    async def emit(self, topic: str, message: BaseModel) -> str:
        return await self._emit(topic, message, None, None)

    async def request(self, topic: str, message: BaseModel, *, timeout_s: float = 20) -> Any:
        return await self._request(topic, message, None, SOMEBODY, timeout_s)


Context = runtime.Context[Client, str]


class Answers(runtime.Handlers):
    """Answers as it is told."""

    def __init__(self, *answers: BaseModel) -> None:
        self.answers = list(answers)
        self.asked: list[Ping] = []
        self.hold: asyncio.Event | None = None
        self.failures = 0

    async def on_ping(self, message: Ping, context: Context) -> BaseModel:
        self.asked.append(message)
        if self.hold is not None:
            await self.hold.wait()
        if len(self.asked) <= self.failures:
            raise ConnectionError
        return self.answers.pop(0) if self.answers else Pong(id=message.id)

    def on_locate(self, message: Locate, context: Context) -> Located:
        return Located(place=f"at {message.id}")


Memory = testing.MemoryBus[Client]


def answering(handlers: Answers, **options: Any) -> Memory:
    return Memory(handlers, ANSWERS, Client, **options)


def asking() -> Memory:
    return Memory(Answers(), ASKS, Client)


# In memory: the side that answers


async def test_what_a_handler_returns_is_sent_in_its_chain() -> None:
    bus = answering(Answers())
    delivered = await bus.deliver(Ping(id="1", request=7))
    (reply,) = bus.emitted
    assert delivered.reply == reply.message == Pong(id="1", request=7)
    assert (reply.topic, reply.key, reply.message_type) == ("pongs", b"1", "pong")
    assert reply.causation_id == delivered.message_id
    headers = dict(delivered.record.headers)
    assert reply.correlation_id.encode() == headers["x-correlation-id"]
    assert (reply.user_id, reply.project_id) == ("test-user", "test-project")


async def test_the_correlation_id_is_repeated_where_the_reply_has_it() -> None:
    bus = answering(Answers(Refused(reason="full")))
    await bus.deliver(Ping(id="1", request="r-7"))
    (reply,) = bus.emitted
    assert reply.message == Refused(reason="full")
    assert ("REQUEST_ID", b"r-7") in reply.headers


async def test_the_requests_value_is_repeated_whatever_the_handler_says() -> None:
    bus = answering(Answers(Pong(id="1", request=8)))
    assert (await bus.deliver(Ping(id="1", request=7))).reply == Pong(id="1", request=7)


async def test_a_synchronous_handler_replies_to_the_topic_that_the_request_names() -> None:
    bus = answering(Answers())
    delivered = await bus.deliver(Locate(id="7"))
    assert ("replyTo", b"test-replies") in delivered.record.headers
    (reply,) = bus.emitted
    assert (reply.topic, reply.message) == ("test-replies", Located(place="at 7"))
    assert ("REQUEST_ID", delivered.message_id.encode()) in reply.headers


@pytest.mark.parametrize(
    "name", [None, b"", b"a b", b"../x", b"x" * 250, b".", b"audit-dlq", b"audit-replay", b"__x"]
)
async def test_a_request_that_names_no_topic_for_its_reply_is_invalid(name: bytes | None) -> None:
    bus = answering(Answers())
    headers: list[tuple[str, bytes | None]] = [*GOOD.items(), ("x-message-type", b"locate")]
    if name is not None:
        headers.append(("replyTo", name))
    delivered = await bus.deliver_raw("locations", None, b'{"id":"7"}', tuple(headers))
    (letter,) = bus.dead
    assert letter.reason.startswith("InvalidMessageError: ")
    assert "$message.header#/replyTo" in letter.reason
    assert delivered.reply is None
    assert bus.emitted == []


async def test_who_does_not_say_who_asks_gets_an_answer_that_does_not_either() -> None:
    bus = answering(Answers())
    await bus.deliver_raw("pings", None, b'{"id":"7"}')
    (reply,) = bus.emitted
    assert reply.message == Pong(id="7")
    assert (reply.user_id, reply.project_id) == (None, None)
    assert not {"x-user-id", "x-project-id"} & {name for name, _ in reply.headers}


@pytest.mark.parametrize("wrong", [Located(place="here"), None, "pong"])
async def test_what_is_no_reply_is_a_dead_letter_at_once(wrong: Any) -> None:
    handlers = Answers(wrong)
    bus = answering(handlers)
    await bus.deliver(Ping(id="1"))
    assert len(handlers.asked) == 1
    assert "`on_ping` returned" in bus.dead[0].reason
    assert "a reply is Pong or Refused" in bus.dead[0].reason


async def test_an_attempt_that_fails_replies_nothing_and_the_next_one_does() -> None:
    handlers = Answers()
    handlers.failures = 1
    bus = answering(handlers)
    delivered = await bus.deliver(Ping(id="1", request=7))
    assert [type(emitted.message) for emitted in bus.emitted] == [Pong]
    assert delivered.reply == Pong(id="1", request=7)
    assert (await bus.redeliver(delivered)).reply is None  # it is a duplicate


async def test_a_reply_is_sent_within_the_handlers_transaction(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'answers.db'}")
    await create_tables(engine)
    bus = answering(Answers(), store=SqlStore(engine))
    bus.fail_emits(ConnectionError())
    await bus.deliver(Ping(id="1"))
    assert [emitted.topic for emitted in bus.emitted] == ["pongs"]
    async with engine.connect() as connection:
        rows = (await connection.exec_driver_sql("SELECT topic FROM axion_outbox")).all()
    assert [tuple(row) for row in rows] == [("pongs",)]
    await engine.dispose()


# In memory: the side that asks


async def test_a_request_gets_the_reply_that_the_test_lays_out() -> None:
    bus = asking()
    bus.reply_with(Pong(id="1"), Refused(reason="full"), ReplyTimeoutError("late"))
    assert await bus.client.request("pings", Ping(id="1")) == Pong(id="1")
    assert await bus.client.request("pings", Ping(id="2")) == Refused(reason="full")
    for _ in range(2):  # as laid out; and then there is none
        with pytest.raises(ReplyTimeoutError):
            await bus.client.request("pings", Ping(id="3"))
    assert [emitted.topic for emitted in bus.emitted] == ["pings"] * 4


async def test_a_request_says_where_its_reply_goes_and_what_to_repeat() -> None:
    bus = asking()
    bus.reply_with(Located(place="here"), Pong(id="1"))
    await bus.client.request("locations", Locate(id="1"))
    await bus.client.request("pings", Ping(id="1"))
    locate, ping = bus.emitted
    assert ("replyTo", b"test-replies") in locate.headers
    assert ("REQUEST_ID", locate.message_id.encode()) in locate.headers
    assert isinstance(ping.message, Ping)
    assert ping.message.request  # the caller has left it out


async def test_a_reply_must_be_one_of_the_requests() -> None:
    bus = asking()
    bus.reply_with(Located(place="here"))
    with pytest.raises(TypeError, match="Located is no reply to ping"):
        await bus.client.request("pings", Ping(id="1"))


async def test_nothing_is_asked_that_has_no_reply() -> None:
    with pytest.raises(RequestError, match="the contract has no reply to pong"):
        await asking().client.request("pongs", Pong(id="1"))


# On a broker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={**TOPICS, **OWN}) as broker:
        yield broker


def bus_of(
    broker: EmbeddedBroker, service: str, contract: Contract, **options: Any
) -> runtime.Bus[Client, runtime.Handlers]:
    settings = KafkaSettings(
        bootstrap_servers=broker.bootstrap_servers, topic_prefix=options.pop("prefix", "")
    )
    return runtime.Bus(service, contract, Client, settings, **options)


async def test_a_request_is_answered_by_another_service(broker: EmbeddedBroker) -> None:
    asks = bus_of(broker, "asker", ASKS)
    answers = bus_of(broker, "answerer", ANSWERS)
    handlers = Answers()
    async with answers.run(handlers), asks.run():
        client = asks.client
        assert await client.request("pings", Ping(id="1", request=7)) == Pong(id="1", request=7)
        assert await client.request("locations", Locate(id="2")) == Located(place="at 2")
        many = await asyncio.gather(
            *(client.request("pings", Ping(id=str(number), request=number)) for number in range(99))
        )
        assert many == [Pong(id=str(number), request=number) for number in range(99)]
        handlers.answers.append(Refused(reason="full"))
        assert await client.request("pings", Ping(id="3")) == Refused(reason="full")
    (located,) = await read(broker.bootstrap_servers, "asker-replies", at_least=1)
    assert located.value == b'{"place":"at 2"}'


async def test_each_instance_gets_the_replies_to_its_own_requests(broker: EmbeddedBroker) -> None:
    answers = bus_of(broker, "answerer", ANSWERS)
    one, other = bus_of(broker, "asker", ASKS), bus_of(broker, "asker", ASKS)
    async with answers.run(Answers()), one.run(), other.run():
        got = await asyncio.gather(
            *(
                bus.client.request("locations", Locate(id=f"{name}{number}"))
                for number in range(20)
                for name, bus in (("one", one), ("other", other))
            )
        )
    places = [f"at {name}{number}" for number in range(20) for name in ("one", "other")]
    assert [located.place for located in got] == places


async def test_old_replies_are_not_read(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    for number in range(3):
        await write(servers, "pongs", b'{"id":"old","request":"%d"}' % number)
    asks = bus_of(broker, "asker", ASKS)
    async with asks.run():
        asked = asyncio.create_task(asks.client.request("pings", Ping(id="1", request="2")))
        await read(servers, "pings", at_least=1)
        await write(servers, "pongs", b'{"id":"new","request":"2"}')
        assert await asked == Pong(id="new", request="2")


async def test_who_does_not_know_our_headers_answers_by_correlation_id(
    broker: EmbeddedBroker,
) -> None:
    servers = broker.bootstrap_servers
    asks = bus_of(broker, "asker", ASKS)
    async with asks.run():
        asked = asyncio.create_task(asks.client.request("locations", Locate(id="1")))
        (request,) = await read(servers, "locations", at_least=1)
        sent = dict(request.headers)
        assert sent["replyTo"] == b"asker-replies"
        for id_ in (b"another", sent["REQUEST_ID"] or b""):
            headers = (("REQUEST_ID", id_),)
            await write(servers, "asker-replies", b'{"place":"%s"}' % id_, headers=headers)
        assert await asked == Located(place=(sent["REQUEST_ID"] or b"").decode())


async def test_two_requests_of_one_correlation_id_are_answered_in_their_order(
    broker: EmbeddedBroker,
) -> None:
    servers = broker.bootstrap_servers
    asks = bus_of(broker, "asker", ASKS)
    async with asks.run():
        first = asyncio.create_task(asks.client.request("pings", Ping(id="1", request=7)))
        await read(servers, "pings", at_least=1)
        second = asyncio.create_task(asks.client.request("pings", Ping(id="2", request=7)))
        await read(servers, "pings", at_least=2)
        await write(servers, "pongs", b'{"id":"one","request":7}', partition=0)
        assert await first == Pong(id="one", request=7)
        await write(servers, "pongs", b'{"id":"two","request":7}', partition=0)
        assert await second == Pong(id="two", request=7)


INVALID: list[tuple[bytes, Callable[[bytes], dict[str, bytes]]]] = [
    (b'{"id":7}', lambda id_: {"x-causation-id": id_, "x-message-type": b"pong"}),
    (b"{}", lambda id_: {"x-causation-id": id_, "x-message-type": b"unheard-of"}),
    (b"\xff", lambda id_: {"x-causation-id": id_}),
]


@pytest.mark.parametrize(("value", "headers"), INVALID)
async def test_a_reply_that_breaks_the_contract_is_an_error(
    broker: EmbeddedBroker, value: bytes, headers: Callable[[bytes], dict[str, bytes]]
) -> None:
    servers = broker.bootstrap_servers
    asks = bus_of(broker, "asker", ASKS)
    async with asks.run():
        asked = asyncio.create_task(asks.client.request("pings", Ping(id="1")))
        (request,) = await read(servers, "pings", at_least=1)
        id_ = dict(request.headers)["x-message-id"] or b""
        await write(servers, "pongs", value, headers=tuple(headers(id_).items()))
        with pytest.raises(InvalidReplyError, match="ping"):
            await asked


async def test_no_reply_is_an_error_that_says_what_is_unknown(broker: EmbeddedBroker) -> None:
    asks = bus_of(broker, "asker", ASKS)
    async with asks.run():
        with pytest.raises(ReplyTimeoutError, match=r"ping on pings within 0\.5 s.*may have been"):
            await asks.client.request("pings", Ping(id="1"), timeout_s=0.5)
    await read(broker.bootstrap_servers, "pings", at_least=1)


async def test_a_request_does_not_outlive_the_bus(broker: EmbeddedBroker) -> None:
    asks = bus_of(broker, "asker", ASKS)
    with pytest.raises(NotRunningError):
        await asks.client.request("pings", Ping(id="1"))
    async with asks.run():
        asked = asyncio.create_task(asks.client.request("pings", Ping(id="1")))
        await read(broker.bootstrap_servers, "pings", at_least=1)
    with pytest.raises(NotRunningError, match="may have been handled"):
        await asked
    with pytest.raises(NotRunningError):
        await asks.client.request("pings", Ping(id="1"))


async def test_a_handler_that_asks_is_answered_while_the_bus_stops(broker: EmbeddedBroker) -> None:
    """It runs to its end in the drain, so replies are read until then."""
    held = Answers()
    held.hold = asyncio.Event()
    middle = Contract(
        "Middle",
        "1",
        (*ASKS.topics, Topic("starts", (Message("start", Located, handler="on_start"),))),
    )
    got: list[object] = []

    class Starts(runtime.Handlers):
        async def on_start(self, message: Located, context: Context) -> None:
            got.append(await context.client.request("pings", Ping(id="1")))

    for topic in ("starts", "asker-dlq", "asker-replay"):
        broker.create_topic(topic)
    asks, answers = bus_of(broker, "asker", middle), bus_of(broker, "answerer", ANSWERS)
    headers = (*GOOD.items(), ("x-message-type", b"start"))
    async with answers.run(held):
        async with asks.run(Starts()):
            await write(broker.bootstrap_servers, "starts", b'{"place":"x"}', headers=headers)
            await until(lambda: bool(held.asked), "the request has come")
            asyncio.get_running_loop().call_later(0.2, held.hold.set)
        assert got == [Pong(id="1", request=held.asked[0].request)]


async def test_the_topics_of_replies_must_be_there(broker: EmbeddedBroker) -> None:
    with pytest.raises(StartError, match=r"topics are missing on .*: other-replies;"):
        async with bus_of(broker, "other", ASKS).run():
            pass


async def test_a_prefix_stands_before_each_topic(broker: EmbeddedBroker) -> None:
    for topic in (*TOPICS, *OWN):
        broker.create_topic(f"dev.{topic}")
    asks = bus_of(broker, "asker", ASKS, prefix="dev.")
    answers = bus_of(broker, "answerer", ANSWERS, prefix="dev.")
    async with answers.run(Answers()), asks.run():
        assert await asks.client.request("pings", Ping(id="1", request=1)) == Pong(
            id="1", request=1
        )
        assert await asks.client.request("locations", Locate(id="2")) == Located(place="at 2")
        headers = (*GOOD.items(), ("x-message-type", b"locate"), ("replyTo", b"asker-replies"))
        await write(broker.bootstrap_servers, "dev.locations", b'{"id":"1"}', headers=headers)
        (letter,) = await read(broker.bootstrap_servers, "dev.answerer-dlq", at_least=1)
    assert b"is no topic of dev." in (dict(letter.headers)["x-dlq-error-message"] or b"")


async def test_no_request_within_a_transaction(broker: EmbeddedBroker, tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'asks.db'}")
    await create_tables(engine)
    asks = bus_of(broker, "asker", ASKS, store=SqlStore(engine))
    async with asks.run(), asks.transaction() as transaction:
        with pytest.raises(RequestError, match="within a transaction"):
            await transaction.client.request("pings", Ping(id="1"))
    await engine.dispose()


async def test_a_request_is_traced(broker: EmbeddedBroker) -> None:
    asks = bus_of(broker, "asker", ASKS, tracing=Tracing())
    answers = bus_of(broker, "answerer", ANSWERS, tracing=Tracing())
    async with answers.run(Answers()), asks.run():
        located = await asks.client.request("locations", Locate(id=str(uuid4())))
    assert located.place.startswith("at ")

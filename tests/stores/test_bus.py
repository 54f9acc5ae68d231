"""The bus with a SQL store: records in; rows, records and letters out."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime import KafkaSettings, Metadata
from axion_gen.runtime.sql import SqlStore
from axion_gen.runtime.testing import EmbeddedBroker
from tests.servers import PostgreSQL

from ..runtime.items import TOPICS, Bus, Context, ItemCreate, ItemCreated, Quiet
from ..runtime.kafka import end_offset, read, until, write
from ..runtime.test_headers import GOOD
from .records import prepare, rows, until_rows

EFFECTS = "SELECT record FROM effects"
OUTCOMES = "SELECT outcome FROM axion_inbox ORDER BY outcome"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={**TOPICS, "items-dlq": 1, "items-replay": 1}) as broker:
        yield broker


class Creates(Quiet):
    """Writes a row and emits an event; then fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.calls = 0

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.calls += 1
        await context.session.execute(
            text("INSERT INTO effects (record) VALUES (:name)"), {"name": message.name}
        )
        await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))
        if self.calls <= self.failures:
            raise LookupError("no such item")


def bus_on(broker: EmbeddedBroker, engine: AsyncEngine, **settings: Any) -> Bus:
    return Bus(
        "items",
        KafkaSettings(bootstrap_servers=broker.bootstrap_servers, **settings),
        store=SqlStore(engine),
    )


def command(name: str, number: int = 0) -> ItemCreate:
    return ItemCreate(id=UUID(int=number), name=name)


def metadata(message_id: UUID | None = None) -> Metadata:
    return Metadata(user_id="ada", project_id="looms", message_id=message_id)


async def test_rows_mark_and_event_hold_together(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus = bus_on(broker, engine)
    async with bus.run(Creates()):
        message_id = await bus.client.emit("item.commands", command("cup"), metadata=metadata())
        (event,) = await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert dict(event.headers)["x-causation-id"] == message_id.encode()
    assert await rows(engine, EFFECTS) == [("cup",)]
    assert await rows(engine, "SELECT topic, message_id, outcome FROM axion_inbox") == [
        ("item.commands", message_id, "handled")
    ]
    assert await rows(engine, "SELECT id FROM axion_outbox") == []


async def test_a_handler_that_fails_leaves_a_letter_and_nothing_else(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus, handlers = bus_on(broker, engine), Creates(failures=3)
    async with bus.run(handlers):
        await bus.client.emit("item.commands", command("cup"), metadata=metadata())
        await read(broker.bootstrap_servers, "items-dlq", at_least=1)
    assert handlers.calls == 3
    assert await rows(engine, EFFECTS) == []
    assert await rows(engine, "SELECT id FROM axion_outbox") == []
    assert await rows(engine, OUTCOMES) == [("dead-lettered",)]
    assert await end_offset(broker.bootstrap_servers, "item.events") == 0


async def test_the_attempt_that_succeeds_is_the_only_one_with_effects(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus = bus_on(broker, engine)
    async with bus.run(Creates(failures=2)):
        await bus.client.emit("item.commands", command("cup"), metadata=metadata())
        await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert await rows(engine, EFFECTS) == [("cup",)]
    assert await end_offset(broker.bootstrap_servers, "item.events") == 1


async def test_a_record_that_was_produced_twice_has_one_effect(
    broker: EmbeddedBroker, engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bus, message_id = bus_on(broker, engine), uuid4()
    async with bus.run(Creates()):
        for _ in range(2):
            await bus.client.emit("item.commands", command("cup"), metadata=metadata(message_id))
        statistics = bus.statistics.topic("item.commands")
        await until(lambda: statistics.handled + statistics.duplicates == 2, "both looked at")
        await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert await rows(engine, EFFECTS) == [("cup",)]
    assert await rows(engine, OUTCOMES) == [("duplicate",), ("handled",)]
    assert (statistics.handled, statistics.duplicates) == (1, 1)
    assert await end_offset(broker.bootstrap_servers, "item.events") == 1
    (said,) = [line for line in caplog.messages if line.endswith("skipped")]
    assert said.endswith("@1: its message was handled from another record, skipped")


async def test_a_handler_that_runs_too_long_leaves_nothing_behind(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    class Hangs(Creates):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            await super().on_item_create(message, context)
            if message.name == "hang":
                await asyncio.Event().wait()

    bus = bus_on(broker, engine, handler_timeout_s=1, retry_attempts=2)
    async with bus.run(Hangs()):
        for name in ("hang", "cup"):  # of one key: the second comes after the first has ended
            await bus.client.emit("item.commands", command(name), metadata=metadata())
        await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert await rows(engine, EFFECTS) == [("cup",)]
    assert await rows(engine, OUTCOMES) == [("dead-lettered",), ("handled",)]


@pytest.mark.servers
async def test_nothing_is_lost_or_dead_lettered_while_the_database_is_away(
    broker: EmbeddedBroker, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_async_engine(postgresql.new_database())
    await prepare(engine)
    bus = bus_on(broker, engine)
    async with bus.run(Creates()):
        await bus.client.emit("item.commands", command("before"), metadata=metadata())
        await read(broker.bootstrap_servers, "item.events", at_least=1)
        postgresql.stop()
        try:
            for number in range(20):
                item = command(f"item {number}", number)
                await bus.client.emit("item.commands", item, metadata=metadata())
            await until(lambda: "cannot be begun" in caplog.text, "the outage is noticed")
        finally:
            postgresql.start()
        await read(broker.bootstrap_servers, "item.events", at_least=21)
    effects = await rows(engine, EFFECTS)
    await engine.dispose()
    assert len(effects) == len(set(effects)) == 21
    assert await end_offset(broker.bootstrap_servers, "items-dlq") == 0


async def test_many_keys_at_once_have_each_their_effect(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus = bus_on(broker, engine)
    async with bus.run(Creates()):
        for number in range(100):
            item = command(f"item {number}", number)
            await bus.client.emit("item.commands", item, metadata=metadata())
        await read(broker.bootstrap_servers, "item.events", at_least=100)
    effects = await rows(engine, EFFECTS)
    assert len(effects) == len(set(effects)) == 100
    assert await end_offset(broker.bootstrap_servers, "item.events") == 100


async def test_a_synchronous_handler_has_the_transaction_too(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    class Blocks(Creates):
        def on_item_create(self, message: ItemCreate, context: Context) -> None:  # type: ignore[override]  # a plain def is allowed
            context.wait(super().on_item_create(message, context))

    bus = bus_on(broker, engine)
    async with bus.run(Blocks()):
        await bus.client.emit("item.commands", command("cup"), metadata=metadata())
        await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert await rows(engine, EFFECTS) == [("cup",)]


async def test_a_message_that_kills_the_process_is_dead_lettered_at_its_third_delivery(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    servers, url = broker.bootstrap_servers, engine.url.render_as_string(hide_password=False)
    for number, name in enumerate(("poison", "cup")):
        item = command(name, number)
        key, value = str(item.id).encode(), item.model_dump_json().encode()
        headers = (*GOOD.items(), ("x-message-type", b"item.create"))
        await write(servers, "item.commands", value, key=key, headers=headers)
    dying = (sys.executable, "-m", "tests.stores.dying", servers, url)
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(*dying)
        assert await process.wait() == 9
    process = await asyncio.create_subprocess_exec(*dying)
    try:
        (letter,) = await read(servers, "items-dlq", at_least=1)
        await until_rows(engine, OUTCOMES, lambda found: ("handled",) in found)
    finally:
        process.terminate()
        await process.wait()
    found = dict(letter.headers)
    assert (found["x-dlq-error-type"] or b"").endswith(b"NeverEndedError")
    assert await rows(engine, EFFECTS) == [("cup",)]
    assert await rows(engine, OUTCOMES) == [("dead-lettered",), ("handled",)]

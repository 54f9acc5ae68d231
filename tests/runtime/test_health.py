"""What probes are told, on the embedded broker: when a restart helps, when work may come."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from axion_gen.runtime import DependencyUnavailable
from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.kafka import KafkaConsumer, Partition
from axion_gen.runtime.metrics import BusCollector
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.stores import Begun, MemoryStore
from axion_gen.runtime.testing import ApiKey, EmbeddedBroker

from ..scenarios.service import COMMANDS, SERVICE_TOPICS, Recorder, ServiceBus, bus_on, command
from .items import SOMEBODY, Context, ItemCreate, ItemCreated, Quiet
from .kafka import until
from .test_kafka_consumer import batch_of, write_batch

FENCED = 82


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


def said(bus: ServiceBus, text: str) -> bool:
    return any(text in reason for reason in bus.health.reasons)


async def test_from_start_to_stop(broker: EmbeddedBroker) -> None:
    handlers = Recorder("slow")
    bus = bus_on(broker)
    assert bus.health == (health := bus.health)
    assert (health.alive, health.ready) == (True, False)
    assert health.reasons == ("the bus is not running",)

    async def serve() -> None:
        async with bus.run(handlers):
            await until(lambda: bus.ready, "the group is joined")
            assert bus.health.reasons == ()
            await command(broker, "slow")
            await until(lambda: handlers.begun == ["slow"], "it is being handled")

    serving = asyncio.create_task(serve())
    await until(lambda: said(bus, "the bus is stopping"), "it stops")
    assert bus.health.alive, "what still runs may end"
    assert not bus.health.ready, "no new work"
    handlers.free.set()
    await serving
    assert bus.health.reasons == ("the bus is not running",)
    assert handlers.ended == ["slow"]


async def test_a_poll_task_that_is_stuck_is_dead_until_it_goes_round(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = asyncio.Event(), asyncio.Event()
    take = KafkaConsumer.take

    async def take_never(self: KafkaConsumer, *args: object) -> object:
        stuck.set()
        await free.wait()
        return await take(self, *args)  # type: ignore[arg-type]

    bus = bus_on(broker)
    async with bus.run(Recorder()):
        assert bus.consumer is not None
        monkeypatch.setattr(KafkaConsumer, "take", take_never)
        await stuck.wait()
        assert bus.health.alive, "it may take a while"
        bus.consumer.moved_at -= 61  # as if so many seconds had passed
        assert not bus.health.alive
        assert said(bus, "nothing was taken or looked for in 61 s")
        free.set()
        await until(lambda: bus.health.alive, "it goes round")
        assert bus.health.reasons == ()


async def test_one_that_may_take_longer_is_given_longer(broker: EmbeddedBroker) -> None:
    """A rebalance is waited for as long as the group may take."""
    bus = bus_on(broker, rebalance_timeout_s=100, request_timeout_s=110, session_timeout_s=120)
    async with bus.run(Recorder()):
        assert bus.consumer is not None
        assert bus.consumer.longest_turn_s > 220


async def test_an_outage_of_the_broker_is_no_reason_to_restart(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        assert bus.consumer is not None
        await command(broker, "before")
        await until(lambda: handlers.ended == ["before"], "it works")
        broker.set_down(1)
        for _ in range(3):
            seen = bus.consumer.moved_at
            await until(lambda seen=seen: bus.consumer.moved_at > seen, "it goes round")  # type: ignore[misc]
            assert bus.health.alive
        broker.set_up(1)
        await command(broker, "after")
        await until(lambda: "after" in handlers.ended, "it works again")
        await until(lambda: bus.health.reasons == (), "all is well")


async def test_an_outage_of_a_dependency_is_a_reason_and_nothing_else(
    broker: EmbeddedBroker,
) -> None:
    away = True

    class Depends(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if away:
                raise DependencyUnavailable

    bus = bus_on(broker, retry_backoff_ms=0)
    async with bus.run(Depends()):
        await command(broker, "cup")
        await until(lambda: said(bus, "1 held for 0 s: a dependency is away"), "it is held")
        assert (bus.health.alive, bus.health.ready) == (True, True)
        away = False
        await until(lambda: bus.health.reasons == (), "it goes on")


async def test_records_that_wait_for_the_store_are_named_and_counted(
    broker: EmbeddedBroker,
) -> None:
    away = True

    class Away(MemoryStore):
        def begin(self, delivery: Delivery) -> Begun:
            if away:
                raise ConnectionError("the store is away")
            return super().begin(delivery)

    def stuck() -> float | None:
        samples = [s for family in BusCollector(bus).collect() for s in family.samples]
        return next((s.value for s in samples if s.name == "axion_messages_stuck"), None)

    bus, handlers = bus_on(broker, store=Away()), Recorder()
    async with bus.run(handlers):
        await command(broker, "cup")
        await until(lambda: said(bus, f"{COMMANDS}: 1 records cannot be begun"), "it is named")
        assert stuck() == 1
        assert (bus.health.alive, bus.health.ready) == (True, True)
        away = False
        await until(lambda: handlers.ended == ["cup"], "it goes on")
        await until(lambda: bus.health.reasons == (), "nothing is named any more")
        assert stuck() == 0


async def test_one_that_is_thrown_out_is_not_ready_and_says_why(broker: EmbeddedBroker) -> None:
    bus = bus_on(broker)
    async with bus.run(Recorder()):
        await until(lambda: bus.ready, "the group is joined")
        broker.push_errors(ApiKey.HEARTBEAT, FENCED)
        await until(lambda: not bus.ready, "it is out")
        assert bus.health.alive
        assert said(bus, "the consumer group is not joined")
        assert said(bus, "heartbeat"), "and why"
        await until(lambda: bus.health.reasons == (), "it is in again")
        assert bus.ready


async def test_a_partition_that_stands_still_is_named(broker: EmbeddedBroker) -> None:
    bus = bus_on(broker)
    batch = batch_of(b"damaged")
    batch[-2] ^= 0xFF
    await write_batch(broker, Partition(COMMANDS, 0), batch)
    async with bus.run(Recorder()):
        await until(lambda: said(bus, f"{COMMANDS}[0] stands still: the checksum"), "it is halted")
        assert (bus.health.alive, bus.health.ready) == (True, True)
        halted = {
            (sample.labels["topic"], sample.labels["partition"]): sample.value
            for family in BusCollector(bus).collect()
            for sample in family.samples
            if sample.name == "axion_partition_halted"
        }
    assert {place for place, value in halted.items() if value} == {(COMMANDS, "0")}


async def test_rows_that_cannot_be_sent_are_counted(broker: EmbeddedBroker, tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'items.db'}")
    await create_tables(engine)
    bus = bus_on(broker, store=SqlStore(engine))
    try:
        async with bus.run(Recorder()):
            async with bus.transaction() as transaction:
                event = ItemCreated(id=UUID(int=0), name="x" * 2_000_000)
                await transaction.client.emit("item.events", event, metadata=SOMEBODY)
            await until(lambda: said(bus, "1 rows of the outbox are parked"), "it is parked")
            assert (bus.health.alive, bus.health.ready) == (True, True)
    finally:
        await engine.dispose()

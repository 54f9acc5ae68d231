"""Handlers that take their time: membership, drains, and keys with too much to do."""

import asyncio
import time

import pytest

from axion_gen.runtime import consumer
from axion_gen.runtime.interceptors import slots
from axion_gen.runtime.kafka import consumer as kafka_consumer
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey

from ..runtime.items import Context, ItemCreate, Quiet
from ..runtime.kafka import committed, until
from .requests import count_requests
from .service import COMMANDS, GROUP, Forgetful, Recorder, bus_on, command

REBALANCE_IN_PROGRESS = 27


async def test_a_slow_handler_costs_neither_the_membership_nor_a_second_run(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As 5 s and 300 s are to each other.
    monkeypatch.setattr(kafka_consumer, "POLL_INTERVAL_S", 1)
    monkeypatch.setattr(consumer, "SIGN_OF_LIFE_S", 0.1)
    names: list[str] = []

    class Slow(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            names.append(message.name)
            if message.name == "slow":
                await asyncio.sleep(3)
                names.append("ended")

    await command(broker, "slow")
    await command(broker, "next", key=b"other")
    bus = bus_on(broker, max_concurrent_handlers=1)
    with count_requests(broker) as requests:
        async with bus.run(Slow()):
            await until(lambda: "next" in names, "the slow one ends, and the next one is taken")
            assert requests[ApiKey.LEAVE_GROUP] == 0
            assert requests[ApiKey.JOIN_GROUP] <= 2  # the first is told its member id
            assert bus.statistics.rebalances == 1
    assert names == ["slow", "ended", "next"]
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 2


async def test_a_handler_that_blocks_the_event_loop_is_named(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slots, "BLOCKING_S", 0.05)

    class Blocks(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if message.name == "late":
                await asyncio.sleep(0)
            time.sleep(0.1)  # noqa: ASYNC251 - that is what it is about
            self.ended.append(message.name)

    handlers = Blocks()
    await command(broker, "early", "late")
    async with bus_on(broker).run(handlers):
        await until(lambda: len(handlers.ended) == 2, "both are handled")
    for offset in (0, 1):
        said = f"item.commands[0]@{offset}: `on_item_create` blocked the event loop for 0.1 s"
        assert said in caplog.text


async def test_what_outlives_the_drain_of_a_rebalance_is_not_committed_by_its_late_end(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Recorder("slow")
    store = Forgetful()
    await command(broker, "before", "slow")
    bus = bus_on(broker, store=store, drain_timeout_s=0.2)
    async with bus.run(handlers):
        await until(lambda: "slow" in handlers.begun, "it is being handled")
        broker.push_errors(ApiKey.HEARTBEAT, REBALANCE_IN_PROGRESS)
        await until(lambda: bus.statistics.rebalances == 2, "the partitions are given out anew")
        assert "1 handlers outlived the drain" in caplog.text
        await command(broker, "other key", key=b"other")
        await until(lambda: "other key" in handlers.ended, "the partition is read again")
        assert handlers.begun.count("slow") == 1, "its key is still being handled"
        first, handlers.free = handlers.free, asyncio.Event()
        first.set()
        await until(lambda: handlers.begun.count("slow") == 2, "it is redelivered")
        assert handlers.ended.count("slow") == 1
        commits = bus.statistics.commits
        await command(broker, "other", partition=1)
        await until(lambda: bus.statistics.commits > commits, "another partition is committed")
        assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1
        handlers.free.set()
        await until(lambda: handlers.ended.count("slow") == 2, "it ends")
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 3


async def test_a_hot_key_leaves_room_for_the_others(broker: EmbeddedBroker) -> None:
    handlers = Recorder("hot")
    bus = bus_on(broker, max_in_flight_per_partition=10, max_in_flight=40)
    most = 0
    async with bus.run(handlers):
        assert bus.consumer is not None
        await command(broker, *["hot"] * 30, partition=0)
        await until(lambda: handlers.begun == ["hot"], "the hot key is being handled")
        for number in range(20):
            await command(broker, f"other {number}", partition=1 + number % 2, key=b"%d" % number)
            most = max(most, bus.consumer.in_flight)
        await until(lambda: len(handlers.ended) == 20, "other partitions go on")
        assert most <= 10 + 2
        assert handlers.begun.count("hot") == 1
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 50, "the hot key goes on")

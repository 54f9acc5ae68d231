"""Everybody has a turn: partitions beside hot ones, and what cannot be brought to an end."""

import asyncio
import logging

import pytest

from axion_gen.runtime.delivery import Delivery

from ..scenarios.service import Recorder
from .inside import FIRST, SECOND, THIRD, Engine, Lists, in_virtual_time
from .items import Context, ItemCreate


@in_virtual_time
async def test_hot_partitions_leave_room_for_the_others() -> None:
    handlers, kafka = Recorder("slow"), Lists()
    for partition in (FIRST, SECOND):
        kafka.write("slow", partition=partition)
        for number in range(3000):
            kafka.write("behind", partition=partition, key=b"%d" % number)
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(5)
    settings = engine.settings
    assert settings.max_in_flight_per_partition < engine.consumer.in_flight < settings.max_in_flight
    kafka.write("other", partition=THIRD)
    await asyncio.sleep(5)
    assert "other" in handlers.ended
    handlers.free.set()
    await asyncio.sleep(5)
    assert len(handlers.ended) == 6003
    await engine.stop()


@in_virtual_time
async def test_a_message_that_waits_to_be_tried_again_stops_neither_others_nor_commits() -> None:
    class FailsOnce(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if message.name == "fails" and context.attempt == 0:
                raise ConnectionError
            await super().on_item_create(message, context)

    handlers, kafka = FailsOnce(), Lists()
    kafka.write("before", "fails", "its key")
    kafka.write("beside", key=b"other")
    kafka.write("other", partition=SECOND)
    engine = Engine(handlers, kafka, max_concurrent_handlers=1, retry_backoff_ms=60_000)
    await engine.start()
    await asyncio.sleep(30)
    assert handlers.ended == ["before", "beside", "other"]
    assert kafka.committed == {FIRST: 1, SECOND: 1}
    kafka.write("later", partition=SECOND)
    await asyncio.sleep(20)
    assert handlers.ended[3:] == ["later"]
    assert kafka.committed == {FIRST: 1, SECOND: 2}
    await asyncio.sleep(20)
    assert handlers.ended[4:] == ["fails", "its key"]
    assert kafka.committed == {FIRST: 4, SECOND: 2}
    await engine.stop()


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_whatever_the_limits_all_is_handled(limit: int) -> None:
    @in_virtual_time
    async def run() -> None:
        handlers, kafka = Recorder(), Lists()
        for partition in (FIRST, SECOND):
            for number in range(20):
                kafka.write("cup", partition=partition, key=b"%d" % number)
        engine = Engine(handlers, kafka, max_in_flight=limit, max_in_flight_per_partition=limit)
        await engine.start()
        await asyncio.sleep(60)
        assert len(handlers.ended) == 40
        await engine.stop()

    run()


@in_virtual_time
async def test_what_cannot_be_brought_to_an_end_is_begun_again_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    handlers, kafka = Recorder(), Lists()
    kafka.write("cup", "behind")
    engine = Engine(handlers, kafka)
    whole, faults = engine.handle, iter(range(4))

    async def broken(delivery: Delivery) -> None:
        for _ in faults:
            raise RuntimeError("a fault of ours")
        rest = whole(delivery)
        if rest is not None:
            await rest

    engine.handle = broken
    await engine.start()
    await asyncio.sleep(30)
    assert handlers.ended == ["cup", "behind"]
    assert kafka.committed == {FIRST: 2}
    assert "item.commands[0]@0: cannot be brought to an end" in caplog.text
    assert "RuntimeError: a fault of ours" in caplog.text
    await engine.stop()

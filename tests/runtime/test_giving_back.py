"""Partitions are given back soon; what still runs of them then is another member's by now."""

import asyncio
import logging

import pytest

from axion_gen.runtime import DependencyUnavailable
from axion_gen.runtime.delivery import Delivery

from ..scenarios.service import Forgetful, Recorder
from .inside import FIRST, SECOND, Engine, Lists, in_virtual_time
from .items import Context, ItemCreate


def now() -> float:
    return asyncio.get_running_loop().time()


class Depends(Recorder):
    """Fails for the names in `away`."""

    def __init__(self, *away: str) -> None:
        super().__init__()
        self.away = set(away)

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        if message.name in self.away:
            raise DependencyUnavailable("away")
        self.ended.append(message.name)


class Abandoned(Forgetful):
    """Notes what is taken back; marks cannot be written while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.abandoned: list[int] = []
        self.away = False

    async def end(self, delivery: Delivery) -> None:
        if self.away:
            raise ConnectionError("the store is away")
        await super().end(delivery)

    async def abandon(self, delivery: Delivery) -> None:
        self.abandoned.append(delivery.record.offset)


@in_virtual_time
async def test_a_held_message_delays_no_rebalance_and_is_held_no_longer() -> None:
    handlers, kafka, store = Depends("cup"), Lists(), Abandoned()
    kafka.write("cup")
    engine = Engine(handlers, kafka, store=store)
    await engine.start()
    await asyncio.sleep(5)
    assert engine.held.count == 1
    begun = now()
    await kafka.revoke()
    assert now() - begun < 0.1
    assert engine.held.count == 0
    assert store.abandoned == [0]
    tries = len(handlers.begun)
    kafka.write("other", partition=SECOND)
    await kafka.assign({SECOND})
    await asyncio.sleep(100)
    assert handlers.ended == ["other"], "what is assigned now is taken"
    assert len(handlers.begun) == tries + 1
    assert FIRST not in kafka.committed
    await engine.stop()


@in_virtual_time
async def test_a_held_message_is_held_again_where_its_partition_comes_back() -> None:
    handlers, kafka = Depends("cup"), Lists()
    kafka.write("cup", "behind")
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(5)
    await kafka.revoke()
    await kafka.assign({FIRST})
    await asyncio.sleep(5)
    assert engine.held.count == 1
    handlers.away.clear()
    await asyncio.sleep(30)
    assert handlers.ended == ["cup", "behind"]
    assert kafka.committed == {FIRST: 2}
    await engine.stop()


@pytest.mark.parametrize("what", ["held", "unwritable letter", "mark"])
def test_nothing_that_waits_delays_a_stop(what: str) -> None:
    @in_virtual_time
    async def run() -> None:
        store = Abandoned()
        kafka = Lists()
        engine = Engine(Depends("held"), kafka, store=store)
        engine.unwritable = store.away = True
        kafka.write("held" if what == "held" else "fine")
        if what == "unwritable letter":
            kafka.write(value=b"not json", offset=0)
            del kafka.logs[FIRST][0]
        await engine.start()
        await asyncio.sleep(5)
        begun = now()
        await engine.stop()
        assert now() - begun < 0.1
        assert kafka.stopped
        assert kafka.committed == {}
        assert store.abandoned == [0]

    run()


@in_virtual_time
async def test_a_retry_that_is_due_soon_is_waited_for() -> None:
    class Fails(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            if context.attempt < 2:
                raise ConnectionError

    handlers, kafka = Fails(), Lists()
    kafka.write("cup")
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(0.05)
    assert len(handlers.begun) == 1
    await engine.stop()
    assert len(handlers.begun) == 3
    assert kafka.committed == {FIRST: 1}


@in_virtual_time
async def test_what_outlives_the_drain_is_neither_tried_again_nor_a_dead_letter() -> None:
    class Fails(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            await asyncio.sleep(60)
            raise ConnectionError if message.name == "temporary" else ValueError

    handlers, kafka = Fails(), Lists()
    kafka.write("temporary")
    kafka.write("last", partition=SECOND)
    engine = Engine(handlers, kafka, retry_attempts=1)
    await engine.start()
    await asyncio.sleep(1)
    begun = now()
    await kafka.revoke()
    assert now() - begun == engine.settings.drain_timeout_s
    await kafka.assign(set())
    await asyncio.sleep(200)
    assert sorted(handlers.begun) == ["last", "temporary"]
    assert engine.letters == []
    await engine.stop()


@in_virtual_time
async def test_a_deleted_log_commits_nothing_beyond_what_runs() -> None:
    handlers, kafka = Recorder("cup"), Lists()
    kafka.write("cup")
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(1)
    kafka.positions[FIRST] = 100
    kafka.moved(FIRST, 1, 100)
    await asyncio.sleep(2)
    assert kafka.committed == {}
    handlers.free.set()
    await asyncio.sleep(2)
    assert kafka.committed == {FIRST: 100}, "nothing runs any more: it goes on there"
    await engine.stop()


@in_virtual_time
async def test_whatever_a_commit_raises_the_group_is_left_and_work_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    handlers, kafka = Recorder(), Lists()
    kafka.refusing = AttributeError("a fault of the client")
    engine = Engine(handlers, kafka)
    await engine.start()
    for name in ("cup", "plate", "bowl"):
        kafka.write(name)
        await asyncio.sleep(10)
    assert handlers.ended == ["cup", "plate", "bowl"]
    assert caplog.text.count("offsets not committed") == 1
    assert engine.statistics.failed_commits > 3
    await engine.stop()
    assert kafka.stopped


@in_virtual_time
async def test_a_stop_that_is_cancelled_ends_what_works_and_leaves_the_group() -> None:
    handlers, kafka = Recorder("cup"), Lists()
    kafka.write("cup")
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(1)
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(1)
    stopping.cancel()
    await asyncio.wait((stopping,))
    assert stopping.cancelled()
    assert kafka.stopped
    await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() if "kafka" in task.get_name()]
    assert left == []

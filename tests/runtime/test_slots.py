"""Slots: who holds them, who waits for them, and what a handler leaves behind in them."""

import asyncio
from contextvars import ContextVar

import pytest

from axion_gen.runtime.interceptors.slots import Places

from ..scenarios.service import Recorder
from .inside import FIRST, SECOND, Engine, Lists, in_virtual_time
from .items import Context, ItemCreate


async def test_who_is_cancelled_while_waiting_takes_nothing_and_hurts_nobody() -> None:
    places = Places(1)
    await places.take(1)
    gone, next_one = (asyncio.create_task(places.take(1)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    places.give(1)  # before the cancelled one has come to know of it
    await next_one
    assert (places.free, len(places.waiting)) == (0, 0)
    places.give(1)
    assert places.free == 1


async def test_who_is_cancelled_when_it_has_its_place_already_gives_it_back() -> None:
    places = Places(2)
    await places.take(2)
    gone = asyncio.create_task(places.take(2))
    await asyncio.sleep(0)
    places.give(2)
    gone.cancel()
    await asyncio.wait((gone,))
    assert gone.cancelled()
    assert places.free == 2


@in_virtual_time
async def test_a_stop_makes_no_failures_of_what_it_cancels() -> None:
    class Handlers(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            if message.name == "waits for a slot" and context.attempt == 0:
                raise ConnectionError
            await self.free.wait()

    kafka = Lists()
    kafka.write("waits for a slot")
    kafka.write("runs", partition=SECOND)
    engine = Engine(Handlers(), kafka, max_concurrent_handlers=1)
    await engine.start()
    await asyncio.sleep(5)
    await engine.stop()
    failed = {name: topic.failed for name, topic in engine.statistics.topics.items()}
    assert failed["item.commands"] == 1, "the first attempt, and nothing since"
    assert kafka.committed == {}


class Panic(BaseException):
    """No `Exception`."""


@in_virtual_time
async def test_whatever_a_handler_raises_is_a_failure_of_its_message() -> None:
    class Handlers(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            if message.name == "at once":
                raise Panic("boo")
            if message.name == "later":
                await asyncio.sleep(1)
                raise Panic("boo")

    kafka = Lists()
    kafka.write("at once", "later", "fine")
    handlers = Handlers()
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(10)
    assert handlers.begun == ["at once"] * 3 + ["later"] * 3 + ["fine"]
    assert kafka.committed == {FIRST: 3}
    for letter in engine.letters:
        assert letter["x-dlq-error-type"] == b"HandlerBrokenError"
        assert letter["x-dlq-error-message"] == b"Panic: boo"
        assert b'raise Panic("boo")' in (letter["x-dlq-stack-trace"] or b"")
    await engine.stop()


@in_virtual_time
async def test_a_cancellation_that_a_handler_leaves_behind_is_not_the_next_ones() -> None:
    class Handlers(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            if message.name == "leaves":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()  # as older libraries end a wait, and do not take it back
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    return
            if message.name == "lets out":
                other = asyncio.create_task(asyncio.sleep(1))
                await asyncio.sleep(0)
                other.cancel()
                await other

    kafka = Lists()
    kafka.write("leaves", "lets out", "fine")
    handlers = Handlers()
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(5)
    assert handlers.begun == ["leaves"] + ["lets out"] * 3 + ["fine"]
    assert [letter["x-dlq-error-type"] for letter in engine.letters] == [b"HandlerCancelledError"]
    assert kafka.committed == {FIRST: 3}
    await engine.stop()


tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


@pytest.mark.parametrize("waits", [False, True])
def test_what_a_handler_sets_of_context_variables_is_gone_with_its_attempt(waits: bool) -> None:
    seen: list[tuple[str, int, str | None]] = []

    class Handlers(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            seen.append((message.name, context.attempt, tenant.get()))
            tenant.set(message.name)
            if waits:
                await asyncio.sleep(0.01)
            assert tenant.get() == message.name
            if message.name == "again" and context.attempt == 0:
                raise ConnectionError

    @in_virtual_time
    async def run() -> None:
        kafka = Lists()
        kafka.write("first", "again")
        kafka.write("beside", partition=SECOND)
        engine = Engine(Handlers(), kafka)
        await engine.start()
        await asyncio.sleep(5)
        await engine.stop()

    run()
    assert sorted(seen) == [
        ("again", 0, None),
        ("again", 1, None),
        ("beside", 0, None),
        ("first", 0, None),
    ]

"""Handlers that are a plain `def` run in threads; nobody else waits for them."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from axion_gen.runtime.context import identity, log_context
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import (
    LETTERS,
    SERVICE_TOPICS,
    Recorder,
    bus_on,
    command,
    headers_of,
)
from .items import (
    SOMEBODY,
    Context,
    ForeignContext,
    Handlers,
    ItemCreate,
    ItemCreated,
    ItemDelete,
    MemoryBus,
    Quiet,
    Reading,
)
from .kafka import end_offset, read, until, write

CUP = ItemCreate(id=uuid4(), name="cup")
PATIENCE_S = 20.0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


async def delete(broker: EmbeddedBroker, key: bytes) -> None:
    message = ItemDelete(id=UUID(int=1), reason="old").model_dump_json().encode()
    await write(
        broker.bootstrap_servers,
        "item.commands",
        message,
        key=key,
        headers=headers_of("item.delete"),
        partition=1,
    )


class Plain(Handlers):
    """The two that tests do not override."""

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None: ...

    async def on_reading(self, message: Reading, context: ForeignContext) -> None: ...


class InThread(Plain):
    """Holds its thread until `free`; an `item.delete` beside it needs the event loop."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.free = threading.Event()

    def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.log.append(f"{message.name} begins in {threading.current_thread().name[:13]}")
        self.free.wait(PATIENCE_S)
        self.log.append(f"{message.name} ends")

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None:
        self.log.append("deleted")


async def test_it_blocks_nobody_else(broker: EmbeddedBroker) -> None:
    handlers = InThread()
    await command(broker, "cup")
    async with bus_on(broker).run(handlers):
        await until(lambda: len(handlers.log) == 1, "it is being handled")
        await delete(broker, b"other")
        await until(lambda: "deleted" in handlers.log, "another message is handled meanwhile")
        handlers.free.set()
        await until(lambda: len(handlers.log) == 3, "it ends")
    assert handlers.log == ["cup begins in kafka handler", "deleted", "cup ends"]


async def test_its_slot_is_held_after_its_time_until_it_returns(broker: EmbeddedBroker) -> None:
    handlers = InThread()
    await command(broker, "cup")
    await delete(broker, b"other")
    bus = bus_on(broker, max_concurrent_handlers=1, handler_timeout_s=0.05, retry_attempts=1)
    async with bus.run(handlers):
        await until(lambda: len(handlers.log) == 1 or "deleted" in handlers.log, "one begins")
        asyncio.get_running_loop().call_later(0.5, handlers.free.set)
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
        await until(lambda: "deleted" in handlers.log, "the other is handled")
    assert dict(letter.headers)["x-dlq-error-type"] == b"HandlerTimeoutError"
    begins = handlers.log.index("cup begins in kafka handler")
    assert handlers.log[begins + 1] == "cup ends", "nothing else ran in its slot"


async def test_it_can_await_and_what_it_emits_is_of_its_chain() -> None:
    seen: list[Any] = []

    class Emits(Plain):
        def on_item_create(self, message: ItemCreate, context: Context) -> None:
            event = ItemCreated(id=message.id, name=message.name)
            seen.append(context.wait(context.client.emit("item.events", event)))
            seen.append(context.wait(context.client.emit("item.events", event)))
            seen.append((identity(), log_context()["message_id"]))
            if context.attempt == 0:
                raise ConnectionError

    bus = MemoryBus(Emits())
    command = await bus.deliver(CUP, metadata=SOMEBODY)
    assert {event.causation_id for event in bus.emitted} == {command.message_id}
    first, second, who, *again = seen
    assert first != second
    assert (who[0].user_id, who[0].project_id, who[1]) == ("ada", "looms", command.message_id)
    assert again == [first, second, who], "a retry repeats the ids"


async def test_waiting_is_for_threads() -> None:
    async def nothing() -> None: ...

    class Waits(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            waiting = nothing()
            try:
                context.wait(waiting)
            finally:
                waiting.close()

    bus = MemoryBus(Waits())
    await bus.deliver(CUP)
    assert "RuntimeError: `wait` is for handlers that are a plain `def`" in bus.dead[0].reason


@pytest.mark.parametrize("error", [StopIteration(), ValueError("broken")])
async def test_whatever_it_raises_is_a_failure(error: Exception) -> None:
    attempts: list[int] = []

    class Fails(Plain):
        def on_item_create(self, message: ItemCreate, context: Context) -> None:
            attempts.append(context.attempt)
            raise error

    bus = MemoryBus(Fails())
    await bus.deliver(CUP)
    assert attempts == [0, 1, 2]
    assert len(bus.dead) == 1


async def test_a_plain_function_may_return_a_coroutine() -> None:
    done: list[str] = []

    class Returns(Plain):
        def on_item_create(self, message: ItemCreate, context: Context) -> Any:
            async def work() -> None:
                done.append(message.name)

            return work()

    await MemoryBus(Returns()).deliver(CUP)
    assert done == ["cup"]


async def test_a_thread_that_never_returns_does_not_keep_the_bus_from_stopping(
    broker: EmbeddedBroker,
) -> None:
    handlers = InThread()
    await command(broker, "cup")
    try:
        async with asyncio.timeout(PATIENCE_S), bus_on(broker, drain_timeout_s=0.2).run(handlers):
            await until(lambda: len(handlers.log) == 1, "it is being handled")
    finally:
        handlers.free.set()
    again = Recorder()
    async with bus_on(broker).run(again):
        await until(lambda: again.ended == ["cup"], "it was not committed")
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0

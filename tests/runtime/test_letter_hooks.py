"""What the hook of a dead letter emits and sets, and a hook that does not return."""

import asyncio
import logging
from contextvars import ContextVar
from uuid import UUID

import pytest

from axion_gen.runtime import DeadLettered, PermanentError
from axion_gen.runtime.context import log_context

from ..scenarios.service import Recorder
from .inside import FIRST, SECOND, Engine, Lists, in_virtual_time
from .items import Context, ItemCreate, ItemCreated

tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


class Fails(Recorder):
    """Emits, then fails for good where the name says so; its hook emits too, and may fail."""

    def __init__(self, hook_failures: int = 0) -> None:
        super().__init__()
        self.engine: Engine
        self.hook_failures = hook_failures
        self.seen: list[tuple[str | None, object]] = []

    async def emit(self, name: str) -> None:
        await self.engine.client.emit("item.events", ItemCreated(id=UUID(int=0), name=name))

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        self.seen.append((tenant.get(), None))
        await self.emit(f"creating {message.name}")
        if message.name == "cup":
            raise PermanentError("never")

    async def dead_lettered(self, letter: DeadLettered) -> None:
        self.seen.append((tenant.get(), log_context()["message_id"]))
        tenant.set("of the hook")
        await self.emit("failed")
        if self.hook_failures:
            self.hook_failures -= 1
            raise ConnectionError


@in_virtual_time
async def test_its_messages_have_ids_of_their_own_and_repeat_them() -> None:
    handlers, kafka = Fails(hook_failures=1), Lists()
    kafka.write("cup")
    handlers.engine = engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(5)
    creating, failed, again = engine.emitted
    assert creating.headers.message_id != failed.headers.message_id, "else one is a repetition"
    assert failed.headers.message_id == again.headers.message_id, "it is one"
    assert creating.headers.causation_id == failed.headers.causation_id
    await engine.stop()


@in_virtual_time
async def test_what_it_sets_of_context_variables_is_gone_with_it() -> None:
    handlers, kafka = Fails(hook_failures=1), Lists()
    kafka.write("cup", "behind")
    kafka.write("beside", partition=SECOND)
    handlers.engine = engine = Engine(handlers, kafka, max_concurrent_handlers=1)
    await engine.start()
    await asyncio.sleep(5)
    message_id = dict(kafka.logs[FIRST][0].headers)["x-message-id"]
    assert message_id is not None
    calls = [call for call in handlers.seen if call[1] is not None]
    assert calls == [(None, message_id.decode())] * 2
    assert [variable for variable, _ in handlers.seen] == [None] * 5
    await engine.stop()


@in_virtual_time
async def test_one_that_does_not_return_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Hangs(Fails):
        async def dead_lettered(self, letter: DeadLettered) -> None:
            await asyncio.sleep(1e9)

    caplog.set_level(logging.ERROR)
    handlers, kafka = Hangs(), Lists()
    kafka.write("cup", "behind")
    handlers.engine = engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(200)
    assert handlers.begun == ["cup", "behind"]
    assert kafka.committed == {FIRST: 2}
    assert "attempt 3 of 3: TimeoutError: it did not return within 60 s" in caplog.text
    await engine.stop()


@in_virtual_time
async def test_a_stop_ends_one_that_runs() -> None:
    class Hangs(Fails):
        async def dead_lettered(self, letter: DeadLettered) -> None:
            self.seen.append((None, None))
            await asyncio.sleep(1e9)

    handlers, kafka = Hangs(), Lists()
    kafka.write("cup")
    handlers.engine = engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(1)
    begun = asyncio.get_running_loop().time()
    await engine.stop()
    assert asyncio.get_running_loop().time() - begun == engine.settings.drain_timeout_s
    assert len(handlers.seen) == 2
    assert kafka.committed == {}


@in_virtual_time
async def test_whatever_it_raises_is_its_failure() -> None:
    class Panic(BaseException):
        pass

    class Panics(Fails):
        async def dead_lettered(self, letter: DeadLettered) -> None:
            self.seen.append((None, None))
            raise Panic

    handlers, kafka = Panics(), Lists()
    kafka.write("cup")
    handlers.engine = engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(5)
    assert len(handlers.seen) == 4
    assert kafka.committed == {FIRST: 1}
    await engine.stop()

"""While a dependency is away messages are held: on the embedded broker, and the walk by itself."""

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from axion_gen.runtime import DependencyUnavailable
from axion_gen.runtime.delivery import Delivery, Handle
from axion_gen.runtime.interceptors.outage import Held, Outage
from axion_gen.runtime.interceptors.retry import Retry
from axion_gen.runtime.statistics import TopicStatistics
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.memory import MemoryRecord

from ..scenarios.service import (
    COMMANDS,
    GROUP,
    LETTERS,
    SERVICE_TOPICS,
    Recorder,
    ServiceBus,
    bus_on,
    command,
)
from .items import COMMANDS as TOPIC
from .items import Context, ItemCreate
from .kafka import committed, end_offset, read, until


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


class Depends(Recorder):
    """Fails, with the error it is told, for the names in `away`."""

    def __init__(self, error: Exception, *away: str) -> None:
        super().__init__()
        self.error = error
        self.away = set(away)

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        if message.name in self.away:
            raise self.error
        self.ended.append(message.name)


class GoneError(Exception):
    """A type that a service declares."""


async def held(bus: ServiceBus, count: int) -> None:
    await until(lambda: bus.held.count == count, f"{count} are held")


@pytest.mark.parametrize(
    ("error", "outages"),
    [(DependencyUnavailable("no database"), ()), (GoneError("no database"), (GoneError,))],
)
async def test_an_outage_holds_its_message_and_takes_no_other(
    broker: EmbeddedBroker,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    outages: tuple[type[Exception], ...],
) -> None:
    handlers = Depends(error, "cup")
    before = time.time()
    await command(broker, "cup")
    bus = bus_on(broker, outages=outages, retry_backoff_ms=1)
    async with bus.run(handlers):
        await held(bus, 1)
        assert handlers.begun == ["cup"] * 3, "its attempts are used up first"
        assert bus.held.since is not None
        assert before <= bus.held.since <= time.time()
        assert any("1 held for" in reason for reason in bus.health.reasons)
        assert bus.health.alive
        assert bus.health.ready
        await command(broker, "other", partition=1, key=b"other")
        await until(lambda: len(handlers.begun) >= 4, "it is tried again")
        assert "other" not in handlers.begun
        handlers.away.clear()
        await until(lambda: handlers.ended == ["cup", "other"], "it goes on")
        assert not bus.held
        assert bus.held.since is None
        assert not any("held" in reason for reason in bus.health.reasons)
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1
    assert "item.commands[0]@0: held for 0 s, 1 in all, no new messages are taken" in caplog.text
    assert f"next try in 1 s: {type(error).__qualname__}: no database" in caplog.text


@pytest.mark.parametrize(
    ("error", "hold"), [(GoneError("not declared"), True), (DependencyUnavailable("off"), False)]
)
async def test_what_is_no_outage_or_not_to_be_held_is_a_dead_letter(
    broker: EmbeddedBroker, error: Exception, hold: bool
) -> None:
    handlers = Depends(error, "cup")
    await command(broker, "cup")
    bus = bus_on(broker, hold_on_outage=hold, retry_backoff_ms=1)
    async with bus.run(handlers):
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
        assert not bus.held
    assert dict(letter.headers)["x-dlq-error-type"] == type(error).__qualname__.encode()
    assert handlers.begun == ["cup"] * 3


async def test_what_fails_again_after_another_success_is_a_dead_letter(
    broker: EmbeddedBroker,
) -> None:
    handlers = Depends(DependencyUnavailable("away"), "cup", "never")
    await command(broker, "cup", key=b"1", partition=0)
    await command(broker, "never", key=b"2", partition=1)
    bus = bus_on(broker, retry_backoff_ms=1)
    async with bus.run(handlers):
        await held(bus, 2)
        handlers.away.discard("cup")
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
        await until(lambda: not bus.held, "nothing is held any more")
    assert handlers.ended == ["cup"]
    said = dict(letter.headers)
    assert said["x-dlq-partition"] == b"1"
    assert said["x-dlq-error-type"] == b"DependencyUnavailable"


# The walk by itself


class Walk:
    """The two interceptors of failures, with pauses that are noted instead of waited for."""

    def __init__(self, handle: Handle) -> None:
        self.pauses: list[float] = []
        self.held = Held()
        self.statistics = TopicStatistics()
        retry = Retry(3, 0.1, self.pause)
        outage = Outage(self.held, (), self.pause, lambda: None)
        self._handle = outage.wrap(retry.wrap(handle))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def deliver(self, offset: int = 0) -> None:
        record = MemoryRecord("item.commands", 0, offset, 0, b"k", b"{}", ())
        await self._handle(Delivery(record, TOPIC, self.statistics))


async def test_retries_come_first_then_pauses_that_double_up_to_30_s() -> None:
    calls = 0

    async def handle(delivery: Delivery) -> None:
        nonlocal calls
        calls += 1
        delivery.attempts += 1
        if calls < 11:
            raise DependencyUnavailable

    walk = Walk(handle)
    await walk.deliver()
    assert walk.pauses == [0.1, 0.2, 1, 2, 4, 8, 16, 30, 30, 30]
    assert not walk.held


async def test_another_error_while_it_is_held_is_its_own() -> None:
    calls = 0

    async def handle(delivery: Delivery) -> None:
        nonlocal calls
        calls += 1
        delivery.attempts += 1
        raise DependencyUnavailable if calls < 5 else ValueError("broken")

    walk = Walk(handle)
    with pytest.raises(ValueError, match="broken"):
        await walk.deliver()
    assert calls == 5
    assert not walk.held


async def test_an_attempt_that_began_before_the_recovery_does_not_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    back = False
    slow_began, slow_ends = asyncio.Event(), asyncio.Event()

    async def handle(delivery: Delivery) -> None:
        delivery.attempts += 1
        if delivery.attempts <= 3:
            raise DependencyUnavailable
        if delivery.record.offset == 1 and delivery.attempts == 4:
            slow_began.set()
            await slow_ends.wait()  # it has not noticed that the database is back
            raise DependencyUnavailable
        if not back:
            raise DependencyUnavailable

    walk = Walk(handle)
    slow = asyncio.create_task(walk.deliver(offset=1))
    await slow_began.wait()
    other = asyncio.create_task(walk.deliver(offset=2))
    while walk.held.count < 2:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    back = True
    await other
    slow_ends.set()
    await slow
    assert not walk.held
    assert walk.held.recoveries == 2

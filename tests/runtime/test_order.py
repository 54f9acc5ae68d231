"""What has an order, what has none, and what is taken (standard, sections 2, 4, 5, 7 and 9)."""

from collections.abc import Iterator

import pytest

from axion_gen.runtime import PermanentError, consumer
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    GROUP,
    LETTERS,
    SERVICE_TOPICS,
    Recorder,
    bus_on,
    command,
    create,
    headers_of,
)
from .items import Context, ItemCreate
from .kafka import committed, end_offset, until, write


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


async def test_a_key_goes_on_behind_a_dead_letter(broker: EmbeddedBroker) -> None:
    class Fails(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            await super().on_item_create(message, context)
            if message.name == "fails":
                raise PermanentError("for good")

    handlers = Fails()
    await command(broker, "before", "fails", "after")
    async with bus_on(broker).run(handlers):
        await until(lambda: handlers.ended == ["before", "fails", "after"], "the key goes on")
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 1
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 3


async def test_timestamps_order_nothing_and_expire_nothing(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    times = {"now": b"1795539803196", "long ago": b"0", "to come": b"99999999999999"}
    for name, timestamp in times.items():
        headers = {**dict(headers_of()), "x-timestamp": timestamp}
        await write(
            broker.bootstrap_servers,
            COMMANDS,
            create(name),
            key=b"key",
            headers=tuple(headers.items()),
            partition=0,
        )
    async with bus_on(broker).run(handlers):
        await until(lambda: len(handlers.ended) == len(times), "all are handled")
    assert handlers.ended == [*times]


async def test_without_a_key_there_is_no_order_and_nobody_waits(broker: EmbeddedBroker) -> None:
    handlers = Recorder("first")
    await command(broker, "first", "second", key=None)
    async with bus_on(broker).run(handlers):
        await until(lambda: handlers.ended == ["second"], "the second does not wait")
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 2, "both are handled")


async def test_nothing_is_taken_while_no_handler_is_free(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "SIGN_OF_LIFE_S", 0.02)
    handlers = Recorder("first", "second")
    bus = bus_on(broker, max_concurrent_handlers=2)
    async with bus.run(handlers):
        assert bus.consumer is not None
        await command(broker, "first", partition=0)
        await command(broker, "second", partition=1)
        await until(lambda: len(handlers.begun) == 2, "no handler is free")
        await command(broker, *["more"] * 5, partition=2)
        for _ in range(3):  # the poll task goes round, and asks for nothing
            at = bus.consumer.moved_at
            await until(lambda at=at: bus.consumer.moved_at > at, "it goes round")  # type: ignore[misc]
        assert bus.statistics.topic(COMMANDS).received == 2
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 7, "all are handled")


async def test_what_the_contract_does_not_know_is_counted_and_skipped(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await write(
        broker.bootstrap_servers, "readings", b"{}", headers=(("x-message-type", b"reset"),)
    )
    bus = bus_on(broker)
    async with bus.run(Recorder()):
        await until(lambda: bus.statistics.topic("readings").skipped == 1, "it is skipped")
    assert "readings[0]@0: unknown message type 'reset', skipped" in caplog.text
    assert await committed(broker.bootstrap_servers, GROUP, "readings", 0) == 1
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0


async def test_the_group_may_have_another_name(broker: EmbeddedBroker) -> None:
    await command(broker, "cup")
    for group in (None, "others"):
        handlers = Recorder()
        async with bus_on(broker, group_id=group).run(handlers):
            await until(lambda h=handlers: h.ended == ["cup"], "each group reads it")  # type: ignore[misc]
    for name in (GROUP, "others"):
        assert await committed(broker.bootstrap_servers, name, COMMANDS, 0) == 1

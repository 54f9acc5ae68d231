"""What a store says of a record decides what is done with it (standard, section 6)."""

import asyncio
import logging
import math
from collections.abc import Iterator

import pytest

from axion_gen.runtime.bus import _compare_retention
from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.interceptors import insistence
from axion_gen.runtime.stores import Begun
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    GROUP,
    LETTERS,
    SERVICE_TOPICS,
    Forgetful,
    Recorder,
    bus_on,
    command,
)
from .inside import Engine, Lists, in_virtual_time
from .items import Context, ItemCreate
from .kafka import committed, end_offset, read, until


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


async def test_the_second_delivery_runs_alone(broker: EmbeddedBroker) -> None:
    beside: list[int] = []

    class Counts(Recorder):
        running = 0

        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.running += 1
            try:
                if message.name == "again":
                    beside.append(self.running)
                    await asyncio.sleep(0.05)  # whoever could begin would
                    beside.append(self.running)
                await super().on_item_create(message, context)
            finally:
                self.running -= 1

    handlers = Counts("held")
    await command(broker, "held", partition=0, key=b"1")
    await command(broker, "again", partition=1, key=b"2")
    await command(broker, *["other"] * 5, partition=2, key=b"3")
    async with bus_on(broker, store=Forgetful({b"2": 2})).run(handlers):
        await until(lambda: "held" in handlers.begun, "another one is being handled")
        asyncio.get_running_loop().call_later(0.2, handlers.free.set)
        await until(lambda: len(handlers.ended) == 7, "all are handled")
    assert beside == [1, 1]
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0


async def test_the_third_delivery_is_a_dead_letter_without_being_run(
    broker: EmbeddedBroker,
) -> None:
    handlers = Recorder()
    store = Forgetful({b"kills": 3})
    await command(broker, "kills", key=b"kills")
    await command(broker, "other", key=b"other")
    async with bus_on(broker, store=store).run(handlers):
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
        await until(lambda: len(store.ends) == 2, "both are marked")
    said = dict(letter.headers)
    assert said["x-dlq-error-type"] == b"NeverEndedError"
    assert said["x-dlq-attempts"] == b"0"
    assert handlers.begun == ["other"]
    assert sorted(store.ends) == [(0, "dead-lettered"), (1, "handled")]


async def test_what_is_marked_is_skipped_counted_and_committed(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    class Knows(Forgetful):
        async def begin(self, delivery: Delivery) -> Begun:
            return Begun(processed=True)

    caplog.set_level(logging.INFO)
    handlers = Recorder()
    await command(broker, "known")
    bus = bus_on(broker, store=Knows())
    async with bus.run(handlers):
        await until(lambda: bus.statistics.topic(COMMANDS).duplicates == 1, "it is skipped")
    assert handlers.begun == []
    assert "item.commands[0]@0: already processed, skipped" in caplog.text
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1


async def test_a_mark_that_fails_is_repeated_and_not_the_handler(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(insistence, "FIRST_PAUSE_S", 0.02)
    away = True

    class Away(Forgetful):
        async def end(self, delivery: Delivery) -> None:
            if away:
                raise ConnectionError("no store")
            await super().end(delivery)

    handlers = Recorder()
    store = Away()
    bus = bus_on(broker, store=store)
    await command(broker, "cup")
    async with bus.run(handlers):
        await until(
            lambda: caplog.text.count("ConnectionError: no store") >= 2, "it is tried again"
        )
        commits = bus.statistics.commits
        await command(broker, "other", partition=1)
        await until(lambda: bus.statistics.commits > commits, "other things are committed")
        assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) in (0, None)
        away = False
        await until(lambda: (0, "handled") in store.ends, "it is marked")
    assert handlers.ended.count("cup") == 1
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1


class Away(Forgetful):
    """A store that is away for a while."""

    away = True

    async def begin(self, delivery: Delivery) -> Begun:
        if self.away:
            raise ConnectionError("no store")
        return await super().begin(delivery)


async def test_a_store_that_is_away_makes_no_dead_letters(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(insistence, "FIRST_PAUSE_S", 0.02)
    store = Away()
    handlers = Recorder()
    await command(broker, "cup")
    async with bus_on(broker, store=store).run(handlers):
        await until(lambda: "ConnectionError: no store" in caplog.text, "it is tried again")
        assert handlers.begun == []
        store.away = False
        await until(lambda: handlers.ended == ["cup"], "it is handled")
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0


@in_virtual_time
async def test_what_stops_many_records_is_told_once_for_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Away()
    handlers, kafka = Recorder(), Lists()
    for number in range(100):
        kafka.write("cup", key=b"%d" % number)
    engine = Engine(handlers, kafka, store=store)
    await engine.start()
    await asyncio.sleep(20)  # with tries after 0, 1, 3, 7 and 15 s
    store.away = False
    await asyncio.sleep(60)
    assert len(handlers.ended) == 100
    told = [line for line in caplog.messages if "cannot be begun" in line]
    assert len(told) == 5
    assert told[-1].endswith("and 99 others, next try in 16 s: ConnectionError: no store")
    assert len([line for line in caplog.messages if "goes on after 5 failures" in line]) == 1
    await engine.stop()


@pytest.mark.parametrize(
    ("marks", "records", "said"),
    [
        (
            86400.0,
            7 * 86400.0,
            "marks are kept for 1.0 days, but a topic keeps its records for 7.0",
        ),
        (86400.0, math.inf, "a topic keeps its records for ever"),
        (14 * 86400.0, 7 * 86400.0, ""),
        (None, math.inf, ""),
        (86400.0, None, ""),
    ],
)
async def test_marks_that_do_not_outlive_the_records_are_warned_of(
    caplog: pytest.LogCaptureFixture, marks: float | None, records: float | None, said: str
) -> None:
    store = Forgetful()
    store.retention_s = marks
    _compare_retention(store, records)
    assert bool(said) == bool(caplog.text)
    assert said in caplog.text

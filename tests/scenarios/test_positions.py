"""Offsets that do not follow on one another, and positions that are there no more."""

import logging

import pytest
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    _DefaultRecordBatchBuilderPy,
)

from axion_gen.runtime.kafka import Partition
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.kafka import committed, until
from ..runtime.test_kafka_consumer import write_batch
from .service import COMMANDS, GROUP, Recorder, bus_on, command, create, headers_of


async def test_gaps_in_the_offsets_are_no_holes(broker: EmbeddedBroker) -> None:
    """As compaction and the markers of transactions leave them: 0, 5 and 9."""
    batch = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
    for offset in (0, 5, 9):
        batch.append(offset, 1_700_000_000_000, b"key", create(f"{offset}"), [*headers_of()])
    await write_batch(broker, Partition(COMMANDS, 0), batch.build())
    # The embedded broker counts records: these take up the other seven offsets, unread.
    await command(broker, *["never read"] * 7)
    handlers = Recorder("5")
    bus = bus_on(broker)
    async with bus.run(handlers):
        await until(lambda: handlers.begun == ["0", "5"], "the second is being handled")
        await until(lambda: bus.statistics.commits > 0, "offsets are committed")
        assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1
        handlers.free.set()
        await until(lambda: handlers.ended == ["0", "5", "9"], "all are handled")
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 10


async def test_a_log_that_is_deleted_under_the_position_is_said_and_counted(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = Recorder()
    await command(broker, "read")
    async with bus_on(broker).run(first):
        await until(lambda: first.ended == ["read"], "it is read")
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1
    await command(broker, "deleted", "deleted", "there")
    broker.delete_records(COMMANDS, 0, 3)

    second = Recorder()
    bus = bus_on(broker)
    async with bus.run(second):
        await until(lambda: bool(second.ended), "it goes on at what there is")
        await command(broker, "later")
        await until(lambda: second.ended == ["there", "later"], "and on")
        assert bus.statistics.topic(COMMANDS).jumps == 1
    assert "item.commands[0]: offset 1 does not exist any more, going on at 3" in caplog.text
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 5


async def test_a_new_group_begins_at_the_earliest_and_commits_where(
    broker: EmbeddedBroker,
) -> None:
    await command(broker, "early")
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await until(lambda: handlers.ended == ["early"], "what was there before is read")
        await until(lambda: bus.statistics.commits > 0, "offsets are committed")
        assert bus.statistics.topic(COMMANDS).jumps == 0
    # Partitions without a record too: what comes while nobody reads is not passed over.
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 1) == 0

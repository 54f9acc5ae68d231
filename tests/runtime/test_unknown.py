"""Of a type that the contract does not know the log tells once, however many come."""

import asyncio
import logging
from uuid import UUID

import pytest

from axion_gen.runtime.interceptors.envelope import MOST_UNKNOWN_TYPES
from axion_gen.runtime.kafka import Partition

from ..scenarios.service import Recorder, headers_of
from .inside import Engine, Lists, in_virtual_time
from .items import ItemCreate, MemoryBus, Quiet

READINGS = Partition("readings", 0)


@in_virtual_time
async def test_each_is_told_of_once_and_not_endlessly_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = Lists([READINGS])
    for _ in range(10):
        kafka.write(partition=READINGS, value=b"{}", headers=headers_of("reset\n\x1b[2J"))
    for number in range(2 * MOST_UNKNOWN_TYPES):
        kafka.write(partition=READINGS, value=b"{}", headers=headers_of(f"type {number}"))
    engine = Engine(Recorder(), kafka)
    await engine.start()
    await asyncio.sleep(5)
    # A name with control characters is no name: a dead letter.
    assert len(engine.letters) == 10
    told = [r.getMessage() for r in caplog.records if "unknown message type" in r.getMessage()]
    assert told[0] == "readings[0]@10: unknown message type 'type 0', skipped"
    assert len(told) == len(set(told)) == MOST_UNKNOWN_TYPES
    assert engine.statistics.topic("readings").skipped == 2 * MOST_UNKNOWN_TYPES
    assert all("\n" not in r.getMessage() and "\x1b" not in r.getMessage() for r in caplog.records)
    await engine.stop()


@pytest.mark.parametrize("topic", ["elsewhere", "item.events", "test-replay"])
async def test_in_memory_too_what_is_replayed_to_no_handler_is_a_dead_letter(
    topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    bus = MemoryBus(Quiet())
    await bus.deliver_raw("item.commands", None, b"no headers")
    (dead,) = bus.dead
    headers = tuple(
        (name, topic.encode() if name == "x-dlq-topic" else value) for name, value in dead.headers
    )
    await bus.deliver_raw("test-replay", None, b"{}", headers)
    assert [letter.reason.split(":")[0] for letter in bus.dead] == ["InvalidMessageError"] * 2
    await bus.deliver_raw("test-replay", None, b"{}", headers_of())
    assert "is no message of test-replay" in bus.dead[2].reason
    await bus.deliver(ItemCreate(id=UUID(int=1), name="cup"))
    assert len(bus.dead) == 3

"""The brokers go away, or stand still, and come back."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ..runtime.items import Context, ItemCreate, ItemCreated
from ..runtime.kafka import end_offset, read
from .members import Journal, Load, Member, Service, Watch, all_handled, until
from .server import KafkaServer

pytestmark = pytest.mark.kafka

DOWN_S = 15.0
STOP_S = 30.0


async def answers(message: ItemCreate, context: Context) -> None:
    await asyncio.sleep(0.1)  # so that at any moment some are at it
    await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))


@asynccontextmanager
async def at_work(service: Service, journal: Journal) -> AsyncIterator[tuple[Member, Member]]:
    """Two members under load; in the end all is handled, answered and committed, none is dead."""
    async with (
        # The attempts of a handler that emits are used up long before the outage is over.
        Member(service, "first", journal, answers, emit_timeout_s=2.0) as first,
        Member(service, "second", journal, answers, emit_timeout_s=2.0) as second,
    ):
        load = Load(service, per_second=100)
        async with load:
            await until(lambda: len(journal.ended) > 100, "the members are at work")
            yield first, second
            there = len(journal.ended)
            await until(lambda: len(journal.ended) > there + 100, "they go on")
        await all_handled(load, journal, service)
    journal.check_order()
    servers = service.kafka.bootstrap_servers
    count = await end_offset(servers, service.events)
    events = await read(servers, service.events, at_least=count)
    # Whatever was written twice has the same id both times.
    ids = {dict(event.headers)["x-message-id"] for event in events}
    named = Counter(json.loads(event.value or b"")["name"] for event in events)
    assert named.keys() == load.places.keys()
    assert len(ids) == len(load.places)
    assert await end_offset(servers, service.dead_letters) == 0
    print(  # noqa: T201
        f"{len(load.places)} records, {journal.repeated} handled twice,"
        f" {sum(named.values()) - len(named)} events twice"
    )


async def test_a_restart_of_the_broker_loses_nothing(kafka: KafkaServer) -> None:
    service = Service(kafka, "restarted")
    journal = Journal()
    async with Watch(service, journal), at_work(service, journal):
        await asyncio.to_thread(kafka.stop)
        try:
            await asyncio.sleep(DOWN_S)
        finally:
            await asyncio.to_thread(kafka.start)


@pytest.mark.parametrize("seconds", [20, pytest.param(60, marks=pytest.mark.slow)])
async def test_a_frozen_broker_holds_nobody_for_ever(
    kafka: KafkaServer, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(kafka, f"frozen-{seconds}")
    journal = Journal()
    async with Watch(service, journal), at_work(service, journal) as (_, second):
        kafka.freeze()
        try:
            begun = time.monotonic()
            async with asyncio.timeout(STOP_S):
                await second.stop()
            print(f"stopped within {time.monotonic() - begun:.1f} s")  # noqa: T201
            await asyncio.sleep(max(0, begun + seconds - time.monotonic()))
        finally:
            kafka.thaw()
        assert "no new messages are taken; a dependency is away" in caplog.text
        await second.start()

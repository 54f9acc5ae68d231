"""Members come and go: nothing is lost, nothing is out of order, nothing is committed too early."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from ..runtime.items import Context, ItemCreate
from .members import Journal, Load, Member, Service, Watch, all_handled, until
from .server import KafkaServer

pytestmark = pytest.mark.kafka

STORM_S = 30.0
GUST_S = 2.0


async def test_a_storm_of_rebalances(kafka: KafkaServer) -> None:
    service = Service(kafka, "storm")
    journal = Journal()
    members = [Member(service, name, journal) for name in ("first", "second", "third")]
    moving: dict[str, asyncio.Task[None]] = {}
    chance = random.Random(7)

    def gust() -> None:
        """Start or stop one that is not just starting or stopping; one always stays."""
        still = [member for member in members if member.name not in moving]
        if sum(member.running for member in still) <= 1:
            still = [member for member in still if not member.running]
        if not still:
            return
        member = chance.choice(still)
        move = asyncio.create_task(member.stop() if member.running else member.start())
        moving[member.name] = move
        move.add_done_callback(lambda _: moving.pop(member.name))

    async with AsyncExitStack() as stack:
        for member in members:
            await stack.enter_async_context(member)
        load = Load(service)
        async with Watch(service, journal) as watch:
            async with load:
                for _ in range(round(STORM_S / GUST_S)):
                    await asyncio.sleep(GUST_S)
                    gust()
            await asyncio.gather(*moving.values())
            await all_handled(load, journal, service)
        assert watch.looks > STORM_S
    journal.check_order()
    assert journal.ended.keys() == load.written
    owners = {owner for owner, _, _ in journal.begun}
    assert len(owners) > STORM_S / GUST_S, "there was no storm"
    print(f"{len(load.written)} records, {len(owners)} owners, {journal.repeated} twice")  # noqa: T201


async def test_what_ends_after_the_drain_is_not_committed(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    partitions = range(6)
    service = Service(kafka, "overrun", partitions=len(partitions))
    journal = Journal()
    late = asyncio.Event()
    again = asyncio.Event()

    async def outlives(message: ItemCreate, context: Context) -> None:
        first_time = len(journal.begun) <= len(partitions)
        await (late if first_time else again).wait()

    load = Load(service)
    async with AsyncExitStack() as stack:
        stays, comes = (
            Member(service, name, journal, outlives, drain_timeout_s=0.5)
            for name in ("stays", "comes")
        )
        await stack.enter_async_context(stays)
        for partition in partitions:
            load.write(partition=partition)
        await load.flush()
        await until(lambda: len(journal.begun) == len(partitions), "all are being handled")

        await stack.enter_async_context(comes)

        def moved() -> set[int]:
            return {place.partition for owner, _, place in journal.begun if owner.member == "comes"}

        await until(lambda: len(moved()) == 3, "what has moved is handled again")
        assert "6 handlers outlived the drain" in caplog.text
        late.set()
        await until(lambda: journal.ended.keys() == load.written, "those of old end")

        async def committed() -> set[int]:
            return {number for number, offset in (await service.committed()).items() if offset}

        async def the_rest_is_committed() -> bool:
            return await committed() >= {*partitions} - moved()

        # What did not move is known to be handled, and is skipped and committed; with that
        # nothing of what has moved is.
        await until(the_rest_is_committed, "what has stayed is committed")
        assert not await committed() & moved()
        again.set()
        await all_handled(load, journal, service)
    assert {place.partition for place, times in journal.ended.items() if times == 2} == moved()


async def test_who_has_no_partition_and_who_is_far_behind_are_ready(kafka: KafkaServer) -> None:
    service = Service(kafka, "standby", partitions=1)
    journal = Journal()
    free = asyncio.Event()

    async def waits(message: ItemCreate, context: Context) -> None:
        await free.wait()

    load = Load(service)
    # Three topics of one partition each are read.
    members = [Member(service, f"member-{number}", journal, waits) for number in range(4)]
    async with AsyncExitStack() as stack:
        for member in members:
            await stack.enter_async_context(member)

        def standing_by() -> bool:
            shares = [len(bus.consumer.assignments) for bus in buses if bus.consumer is not None]
            return sum(shares) == 3 and 0 in shares

        buses = [member.bus for member in members]
        await until(standing_by, "the partitions are given out")
        load.write(50)
        await load.flush()
        await until(lambda: bool(journal.begun), "one is being handled")
        assert await service.lag() == 50
        assert all(bus.health.ready and bus.health.alive for bus in buses)
        assert [bus.health.reasons for bus in buses] == [()] * len(buses)
        free.set()
        await all_handled(load, journal, service)

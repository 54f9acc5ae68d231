"""Relays that are killed: at any moment, and another one goes on."""

import asyncio
import random
import sys
from itertools import count

from sqlalchemy.ext.asyncio import AsyncEngine

from axion_gen.runtime.testing import EmbeddedBroker

from .relaying import all_sent, commit, emptied, first_times, names, rows

KILLS = 20
KEYS = 25


async def started(url: str, servers: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.outbox.relaying", url, servers)
    )


async def leader(engine: AsyncEngine, running: list[asyncio.subprocess.Process]) -> int:
    """Which of the processes holds the lease, once one of them does."""
    async with asyncio.timeout(30):
        while True:
            for (owner,) in await rows(engine, "SELECT owner FROM axion_lease"):
                for index, process in enumerate(running):
                    if owner.split(":")[1] == str(process.pid):
                        return index
            await asyncio.sleep(0.02)


async def left(engine: AsyncEngine) -> int:
    ((number,),) = await rows(engine, "SELECT count(*) FROM axion_outbox")
    return int(number)


async def test_whenever_a_relay_is_killed_nothing_is_lost_and_each_key_is_in_order(
    engine: AsyncEngine, url: str, broker: EmbeddedBroker
) -> None:
    chance = random.Random(11)
    numbers = count()
    expected: dict[int, list[str]] = {key: [] for key in range(KEYS)}
    message_ids: set[str] = set()
    servers = broker.bootstrap_servers
    running = [await started(url, servers) for _ in range(2)]
    try:
        for _ in range(KILLS):
            for _ in range(20):
                messages = [(chance.randrange(KEYS), f"{next(numbers)}") for _ in range(20)]
                message_ids |= {*await commit(engine, *messages)}
                for key, name in messages:
                    expected[key].append(name)
            first = await leader(engine, running)
            there = await left(engine)
            enough = there - chance.randint(1, 300)
            async with asyncio.timeout(30):
                while await left(engine) > max(enough, 0):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.002)
            running[first].kill()
            await running[first].wait()
            running[first] = await started(url, servers)
        await emptied(engine)
    finally:
        for process in running:
            process.kill()
            await process.wait()
    sent = await all_sent(servers)
    firsts = first_times(sent)
    assert {dict(record.headers)["x-message-id"] for record in firsts} == {
        message_id.encode() for message_id in message_ids
    }
    assert names(firsts) == expected
    print(f"{len(firsts)} messages, {len(sent) - len(firsts)} of them twice")  # noqa: T201

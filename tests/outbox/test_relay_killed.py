"""Relays that are killed or frozen: at any moment, and another one goes on."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from axion_gen.runtime.testing import EmbeddedBroker

from .relaying import all_sent, commit, emptied, first_times, names, rows

KILLS = 20
FREEZES = 5
KEYS = 25

Process = asyncio.subprocess.Process


class Emitted:
    """Messages of random keys, and whether they have arrived."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.chance = random.Random(11)
        self._engine = engine
        self._number = 0
        self._names: dict[int, list[str]] = {key: [] for key in range(KEYS)}
        self._ids: set[str] = set()

    async def add(self) -> None:
        """Twenty transactions of twenty messages each."""
        for _ in range(20):
            messages = []
            for _ in range(20):
                key, name = self.chance.randrange(KEYS), f"{self._number}"
                messages.append((key, name))
                self._names[key].append(name)
                self._number += 1
            self._ids |= {*await commit(self._engine, *messages)}

    async def some_are_sent(self) -> None:
        """Return in the midst of sending."""
        enough = await self._left() - self.chance.randint(1, 300)
        async with asyncio.timeout(30):
            while await self._left() > max(enough, 0):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.002)

    async def _left(self) -> int:
        ((number,),) = await rows(self._engine, "SELECT count(*) FROM axion_outbox")
        return int(number)

    async def have_arrived(self, servers: str) -> None:
        """See that all did, and each key in order, but for what came again."""
        await emptied(self._engine)
        sent = await all_sent(servers)
        firsts = first_times(sent)
        ids = {(dict(record.headers)["x-message-id"] or b"").decode() for record in firsts}
        assert ids == self._ids
        assert names(firsts) == self._names


async def started(url: str, servers: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.outbox.relaying", url, servers)
    )


@asynccontextmanager
async def two_relays(url: str, servers: str) -> AsyncIterator[list[Process]]:
    running = [await started(url, servers) for _ in range(2)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            await process.wait()


async def leader(engine: AsyncEngine, running: list[Process]) -> int:
    """Which of the processes holds the lease, once one of them does."""
    async with asyncio.timeout(30):
        while True:
            for (owner,) in await rows(engine, "SELECT owner FROM axion_lease"):
                for index, process in enumerate(running):
                    if owner.split(":")[1] == str(process.pid):
                        return index
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "url",
    ["sqlite", pytest.param("postgresql", marks=(pytest.mark.servers, pytest.mark.slow))],
    indirect=True,
)
async def test_whenever_a_relay_is_killed_nothing_is_lost_and_each_key_is_in_order(
    engine: AsyncEngine, url: str, broker: EmbeddedBroker
) -> None:
    emitted = Emitted(engine)
    servers = broker.bootstrap_servers
    async with two_relays(url, servers) as running:
        for _ in range(KILLS):
            await emitted.add()
            leading = await leader(engine, running)
            await emitted.some_are_sent()
            running[leading].kill()
            await running[leading].wait()
            running[leading] = await started(url, servers)
        await emitted.have_arrived(servers)


async def test_a_relay_that_hangs_is_replaced_and_does_no_harm_when_it_comes_back(
    engine: AsyncEngine, url: str, broker: EmbeddedBroker
) -> None:
    emitted = Emitted(engine)
    servers = broker.bootstrap_servers
    async with two_relays(url, servers) as running:
        for _ in range(FREEZES):
            await emitted.add()
            leading = await leader(engine, running)
            await emitted.some_are_sent()
            running[leading].send_signal(signal.SIGSTOP)
            try:
                await emitted.add()
                if "sqlite" not in url:  # there it may hang with the one lock for writing
                    await emitted.some_are_sent()
            finally:
                running[leading].send_signal(signal.SIGCONT)
        await emitted.have_arrived(servers)

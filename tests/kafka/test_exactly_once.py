"""With a SQL store each effect happens once, whatever dies, and each event is sent."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime.headers import Record
from axion_gen.runtime.sql import SqlStore

from ..runtime.kafka import end_offset, read
from ..servers import PostgreSQL
from .keeper import LIMITS, keep, prepare
from .members import PATIENCE_S, Journal, Load, Member, Service, all_handled, until
from .server import ROOT, KafkaServer

pytestmark = pytest.mark.kafka

KILLS = 20
AWAY_S = 5.0


class Database:
    """A database with what instances wrote into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(url)

    async def effects(self) -> Counter[str]:
        """How often each command had its effect."""
        async with self.engine.connect() as connection:
            return Counter((await connection.execute(text("SELECT name FROM effects"))).scalars())

    async def unsent(self) -> int:
        async with self.engine.connect() as connection:
            count = await connection.execute(text("SELECT count(*) FROM axion_outbox"))
            return int(count.scalar_one())

    async def has_more_than(self, effects: int) -> bool:
        return (await self.effects()).total() > effects

    async def all_is_sent(self) -> bool:
        return await self.unsent() == 0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.new_database()
    database = Database(url)
    await prepare(database.engine)
    yield database
    await database.engine.dispose()


class Instances:
    """One instance after another."""

    def __init__(self, service: Service, database: Database, folder: Path) -> None:
        self.calls = folder / "calls"
        self._arguments = (sys.executable, "-m", "tests.kafka.keeper", database.url, self.calls)
        self._environment = (
            os.environ
            | LIMITS
            | {
                "KAFKA_BOOTSTRAP_SERVERS": service.kafka.bootstrap_servers,
                "KAFKA_TOPIC_PREFIX": service.prefix,
            }
        )
        self._log = folder / "instances.log"

    @asynccontextmanager
    async def one(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """An instance, which is killed in the end if it still lives."""
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._arguments, cwd=ROOT, env=self._environment, stderr=log
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            # Shown if the test fails.
            sys.stderr.write(self._log.read_text())
            self._log.unlink()


async def check(service: Service, database: Database, names: set[str]) -> set[str]:
    """Each command had its effect and its event, or became a letter: never both, never twice.

    Returns the names of those that became letters.
    """
    servers = service.kafka.bootstrap_servers
    effects = await database.effects()
    assert {name: times for name, times in effects.items() if times > 1} == {}
    letters = await _all(servers, service.dead_letters)
    dead = {_name(letter) for letter in letters}
    assert effects.keys() ^ dead == names
    assert {dict(letter.headers)["x-dlq-error-type"] for letter in letters} <= {b"NeverEndedError"}
    events = await _all(servers, service.events)
    ids = {(_name(event), dict(event.headers)["x-message-id"]) for event in events}
    # Whatever was sent twice has the same id both times.
    assert Counter(name for name, _ in ids) == effects
    print(  # noqa: T201
        f"{len(names)} commands, {len(dead)} dead letters, {len(events) - len(ids)} events twice"
    )
    return dead


def _name(record: Record) -> str:
    name: str = json.loads(record.value or b"")["name"]
    return name


async def _all(servers: str, topic: str) -> list[Record]:
    return await read(servers, topic, at_least=await end_offset(servers, topic))


@pytest.mark.parametrize(
    "database",
    [
        pytest.param("sqlite", marks=pytest.mark.slow),
        pytest.param("postgresql", marks=pytest.mark.servers),
    ],
    indirect=True,
)
async def test_whenever_the_process_is_killed_each_effect_happens_once(
    kafka: KafkaServer, database: Database, tmp_path: Path
) -> None:
    service = Service(kafka, f"kills-{database.engine.dialect.name}", partitions=3)
    instances = Instances(service, database, tmp_path)
    chance = random.Random(3)
    load = Load(service, per_second=60)
    async with load:
        for _ in range(KILLS):
            before = (await database.effects()).total()
            async with instances.one() as process:
                await until(partial(database.has_more_than, before), "it is at work")
                await asyncio.sleep(chance.uniform(0.0, 0.5))
                process.kill()
    async with instances.one() as process:
        await until(service.is_committed, "the last one does the rest")
        await until(database.all_is_sent, "all events are sent")
        process.terminate()
        assert await process.wait() == 0
    # One that was killed while it ran alone looks like what the process died of.
    assert len(await check(service, database, {*load.places})) <= KILLS // 2


async def test_what_kills_the_process_is_not_run_a_third_time(
    kafka: KafkaServer, database: Database, tmp_path: Path
) -> None:
    service = Service(kafka, f"deadly-{database.engine.dialect.name}", partitions=1)
    instances = Instances(service, database, tmp_path)
    load = Load(service)
    # Beside each deadly one several are under way when it kills the process.
    load.write(5)
    load.write(note="deadly")
    load.write(20)
    load.write(note="deadly")
    load.write(5)
    await load.flush()
    for _ in range(4):
        async with instances.one() as process:
            async with asyncio.timeout(PATIENCE_S):
                assert await process.wait() == -signal.SIGKILL
    async with instances.one() as process:
        await until(service.is_committed, "all others are handled")
        await until(database.all_is_sent, "all events are sent")
        process.terminate()
        assert await process.wait() == 0
    assert instances.calls.read_text().split() == ["5", "5", "26", "26"]
    assert await check(service, database, {*load.places}) == {"5", "26"}


@pytest.mark.servers
async def test_a_database_that_goes_away_and_comes_back_costs_nothing(
    kafka: KafkaServer, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(kafka, "away", partitions=3)
    database = Database(postgresql.new_database())
    await prepare(database.engine)
    journal = Journal()
    load = Load(service, per_second=60)
    async with Member(service, "keeps", journal, keep, store=SqlStore(database.engine)):
        async with load:
            for end in (postgresql.stop, postgresql.kill):
                some_more = partial(journal.has_more_than, len(journal.ended) + 50)
                await until(some_more, "it is at work")
                caplog.clear()
                await asyncio.to_thread(end)
                try:
                    # Some are held within their attempt, or all wait to be begun.
                    await until(
                        lambda: (
                            "a dependency is away" in caplog.text
                            or "cannot be begun" in caplog.text
                        ),
                        "it holds",
                    )
                    await asyncio.sleep(AWAY_S)
                finally:
                    await asyncio.to_thread(postgresql.start)
        await all_handled(load, journal, service)
        await until(database.all_is_sent, "all events are sent")
    assert await check(service, database, {*load.places}) == set()
    journal.check_order()
    await database.engine.dispose()

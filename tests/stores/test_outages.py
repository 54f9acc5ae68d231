"""What the SQL store makes of a database that goes away, is locked, or does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.errors import DependencyUnavailable
from axion_gen.runtime.sql import SqlStore
from axion_gen.runtime.stores import Begun
from tests.servers import PostgreSQL

from .records import Record, deliver, delivery_of, prepare, rows, start, write_row


@asynccontextmanager
async def a_store(
    url: str, *, new: bool = True, **options: object
) -> AsyncIterator[tuple[AsyncEngine, SqlStore]]:
    engine = create_async_engine(url, **options)
    if new:
        await prepare(engine)
    store = SqlStore(engine)
    await start(store)
    yield engine, store
    await store.stop()
    await engine.dispose()


@pytest.mark.servers
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_goes_away_in_a_transaction_is_an_outage(
    postgresql: PostgreSQL, how: str
) -> None:
    async def work(delivery: Delivery) -> None:
        await write_row(delivery)
        getattr(postgresql, how)()
        await write_row(delivery)

    async with a_store(postgresql.new_database()) as (engine, store):
        record = Record()
        try:
            with pytest.raises(DependencyUnavailable, match="the database is away"):
                await deliver(store, record, work)
        finally:
            postgresql.start()
        assert await deliver(store, record, write_row) is not None
        assert len(await rows(engine, "SELECT record FROM effects")) == 1


@pytest.mark.servers
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_goes_away_before_the_commit_is_an_outage(
    postgresql: PostgreSQL, how: str
) -> None:
    async def work(delivery: Delivery) -> None:
        await write_row(delivery)
        getattr(postgresql, how)()

    async with a_store(postgresql.new_database()) as (engine, store):
        try:
            with pytest.raises(DependencyUnavailable, match="the database is away"):
                await deliver(store, Record(), work)
        finally:
            postgresql.start()
        await engine.dispose()
        assert await rows(engine, "SELECT record FROM effects") == []


@pytest.mark.servers
async def test_a_server_that_is_not_there_is_an_outage(postgresql: PostgreSQL) -> None:
    async with a_store(postgresql.new_database()) as (engine, store):
        delivery = delivery_of(Record())
        await store.begin(delivery)
        await engine.dispose()
        postgresql.stop()
        try:
            with pytest.raises(DependencyUnavailable, match="Connect call failed"):
                await store.transact(write_row)(delivery)
            await store.abandon(delivery)  # says so in the log, and no more
        finally:
            postgresql.start()


@pytest.mark.servers
async def test_a_pool_that_is_used_up_is_an_outage(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    async with a_store(url, pool_size=1, max_overflow=0, pool_timeout=0.1) as (engine, store):
        delivery = delivery_of(Record())
        await store.begin(delivery)
        async with engine.connect():
            with pytest.raises(DependencyUnavailable, match="QueuePool limit"):
                await store.transact(write_row)(delivery)


@pytest.mark.servers
async def test_what_a_statement_deserves_is_no_outage(postgresql: PostgreSQL) -> None:
    async def work(delivery: Delivery) -> None:
        await delivery.session.execute(text("SELECT colour FROM effects"))

    async with a_store(postgresql.new_database()) as (_, store):
        with pytest.raises(DBAPIError, match="colour"):
            await deliver(store, Record(), work)


@pytest.mark.servers
async def test_a_note_that_the_server_lost_does_not_lose_the_record(
    postgresql: PostgreSQL,
) -> None:
    async with a_store(postgresql.new_database()) as (engine, store):
        record = Record()
        delivery = delivery_of(record)
        await store.begin(delivery)
        async with engine.begin() as connection:  # as a crash of the server may
            await connection.execute(text("DELETE FROM axion_inbox"))
        await store.transact(write_row)(delivery)
        assert delivery.outcome == "handled"
        assert len(await rows(engine, "SELECT record FROM effects")) == 1
        assert await store.begin(delivery_of(record)) == Begun(processed=True)


@pytest.mark.servers
async def test_a_commit_whose_answer_is_lost_is_not_repeated(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    async with _Line(postgresql.port) as line:
        through = make_url(url).set(port=line.port).render_as_string()
        async with a_store(through) as (engine, store):
            record = Record()
            delivery = delivery_of(record)
            await store.begin(delivery)

            async def work(delivery: Delivery) -> None:
                await write_row(delivery)
                line.cut_after(b"COMMIT")

            with pytest.raises(DependencyUnavailable):
                await store.transact(work)(delivery)
            assert not delivery.marked
            await store.transact(work)(delivery)
            assert delivery.marked
            assert delivery.outcome == "duplicate"
            assert len(await rows(engine, "SELECT record FROM effects")) == 1
            assert await rows(engine, "SELECT outcome FROM axion_inbox") == [("handled",)]


@pytest.mark.servers
async def test_a_record_in_another_instances_hands_stops_no_other(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.new_database()
    async with a_store(url) as (engine, frozen), a_store(url, new=False) as (_, store):
        in_hand, other = Record(offset=0), Record(offset=1)
        at_work, thawed = asyncio.Event(), asyncio.Event()

        async def work(delivery: Delivery) -> None:
            await write_row(delivery)
            at_work.set()
            await thawed.wait()

        handling = asyncio.create_task(deliver(frozen, in_hand, work))
        await at_work.wait()
        found = await asyncio.gather(
            deliver(store, in_hand, write_row),
            deliver(store, other, write_row),
            return_exceptions=True,
        )
        assert str(found[0]) == "another instance is still handling it"
        assert isinstance(found[1], Delivery)
        thawed.set()
        await handling
        assert await deliver(store, in_hand, write_row) is None
        assert len(await rows(engine, "SELECT record FROM effects")) == 2


async def test_a_locked_sqlite_is_an_outage_and_a_missing_column_is_not(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
    async with a_store(url, connect_args={"timeout": 0.1}) as (engine, store):
        delivery = delivery_of(Record())
        await store.begin(delivery)
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM effects"))
            with pytest.raises(DependencyUnavailable, match="database is locked"):
                await store.transact(write_row)(delivery)

        async def misspell(delivery: Delivery) -> None:
            await delivery.session.execute(text("SELECT colour FROM effects"))

        with pytest.raises(DBAPIError, match="colour"):
            await store.transact(misspell)(delivery)


class _Line:
    """A connection to the server that can be cut, as by a network."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._last_words: bytes | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def cut_after(self, last_words: bytes) -> None:
        """Let the server still hear these words, and the client no answer; once."""
        self._last_words = last_words

    async def __aenter__(self) -> "_Line":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._to)
        answering = asyncio.create_task(self._answer(their_reader, writer))
        self._tasks.add(answering)
        while said := await reader.read(65536):
            cut = self._last_words is not None and self._last_words in said
            if cut:
                self._last_words = None
                answering.cancel()
                await asyncio.wait((answering,))
            their_writer.write(said)
            await their_writer.drain()
            if cut:
                await their_reader.read(65536)  # the server has done it
                break
        writer.close()
        their_writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(65536):
            writer.write(said)
        writer.close()

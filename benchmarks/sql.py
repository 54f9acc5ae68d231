"""Inbox and outbox in a database, one message a transaction, beside the same statements alone.

A first run of the runtime writes all its statements down, those of the relay too; the peer
executes the very same ones, in the same transactions, as many at once as there are handlers.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Column, Integer, MetaData, String, Table, insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.sql import SqlStore, axion_metadata
from tests.servers import PostgreSQL

from .contender import Clock
from .contract import ORDERS, PLACED, Bus, Context, Handlers, OrderPlace
from .records import write
from .report import Result, compare
from .rounds import Contender, Stage
from .statements import Recorder, execute_again, load

COUNT = 1_500
HANDLERS = 10  # the default of KAFKA_MAX_CONCURRENT_HANDLERS
ROUNDS = 3

metadata = MetaData()
bench_orders = Table(
    "bench_orders",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("customer", String(50), nullable=False),
    Column("quantity", Integer, nullable=False),
)


class Writes(Handlers):
    """Writes a row, and with `emits` sends an event, in one transaction."""

    def __init__(self, clock: Clock, *, emits: bool) -> None:
        self._tick = clock.tick
        self._emits = emits

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Keep the order."""
        row = {"id": str(message.id), "customer": message.customer, "quantity": message.quantity}
        await context.session.execute(insert(bench_orders), row)
        if self._emits:
            await context.client.emit(PLACED.address, message)
        self._tick()


async def axion(
    servers: str, prefix: str, url: str, *, emits: bool, record: str | None = None
) -> float:
    """The runtime, until the last message is handled, and with `emits` until all are sent."""
    settings = KafkaSettings(
        bootstrap_servers=servers, topic_prefix=prefix, group_id=f"axion-{uuid4()}"
    )
    engine = await _engine(url)
    recorder = Recorder(engine) if record else None
    store = SqlStore(engine)
    clock = Clock(COUNT)
    async with Bus(settings, store).run(Writes(clock, emits=emits)):
        await clock.done.wait()
        if emits:
            while store.relay is None or store.relay.sent < COUNT:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        ended = time.perf_counter()
    await engine.dispose()
    if recorder is not None and record is not None:
        recorder.save(Path(record))
    return COUNT / (ended - clock.first)


async def alone(url: str, recorded: str) -> float:
    """The same statements and nothing else."""
    engine = await _engine(url)
    seconds = await execute_again(engine, load(Path(recorded)), HANDLERS)
    await engine.dispose()
    return COUNT / seconds


async def _engine(url: str) -> AsyncEngine:
    """An empty database, set as a service sets it."""
    options = {} if url.startswith("sqlite") else {"pool_size": 2 * HANDLERS}
    engine = create_async_engine(url, **options)
    async with engine.begin() as connection:
        for tables in (metadata, axion_metadata):
            await connection.run_sync(tables.drop_all)
            await connection.run_sync(tables.create_all)
    if engine.dialect.name == "sqlite":
        async with engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    return engine


def measure(stage: Stage) -> list[Result]:
    """Inbox, then inbox and outbox, on each database."""
    write(stage.servers, stage.prefix + ORDERS.address, COUNT)
    results = []
    with tempfile.TemporaryDirectory(prefix="axion-bench-") as folder, databases(stage) as urls:
        for database, url in urls.items():
            for emits, what in ((False, "inbox"), (True, "inbox and outbox")):
                recorded = str(Path(folder) / "statements")
                at = {
                    "servers": stage.servers,
                    "prefix": stage.prefix,
                    "url": url,
                    "emits": emits,
                }
                stage.say(f"{database}, {what}")
                Contender("recording", axion, {**at, "record": recorded}).run()
                rates = stage.run(
                    Contender("axion", axion, at),
                    Contender("statements alone", alone, {"url": url, "recorded": recorded}),
                    rounds=min(ROUNDS, stage.rounds),
                )
                name = f"{what}, {database}"
                results.append(
                    compare(name, "msg/s", rates, "axion", "statements alone", at_least=0.6)
                )
    return results


@contextmanager
def databases(stage: Stage) -> Iterator[dict[str, str]]:
    """The URLs of an SQLite file and, where it is installed, of a PostgreSQL."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="axion-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = {"SQLite": f"sqlite+aiosqlite:///{folder}/bench.db"}
        server_folder = folder / "postgresql"
        server_folder.mkdir()
        folder.chmod(0o711)  # PostgreSQL runs as another user where we are root
        try:
            server = PostgreSQL(server_folder)
        except LookupError as missing:
            stage.notes.append(f"nothing measured on PostgreSQL: {missing}")
        else:
            stack.callback(server.stop)
            server.start()
            urls["PostgreSQL"] = server.new_database()
        yield urls

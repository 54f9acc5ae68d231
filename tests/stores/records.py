"""Records as they come from a topic, and what a bus does with them around a store."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from axion_gen.runtime.client import Client, Transport
from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.headers import MESSAGE_ID
from axion_gen.runtime.identifiers import new_message_id
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.statistics import TopicStatistics
from axion_gen.runtime.stores.redis import RedisStore
from tests.runtime.items import COMMANDS, CONTRACT
from tests.runtime.kafka import PATIENCE_S

GROUP = "items-group"

Stored = SqlStore | RedisStore


@dataclass(frozen=True)
class Record:
    offset: int = 0
    message_id: str | bytes | None = field(default_factory=new_message_id)
    timestamp: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    topic: str = "item.commands"
    partition: int = 0
    key: bytes | None = b"cup"
    value: bytes | None = b"{}"

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        if self.message_id is None:
            return []
        raw = self.message_id
        return [(MESSAGE_ID, raw if isinstance(raw, bytes) else raw.encode())]


def delivery_of(record: Record) -> Delivery:
    return Delivery(record, COMMANDS, TopicStatistics())


def new_client(transport: Transport) -> Client:
    return Client(CONTRACT, transport)


async def start(store: Stored, group: str = GROUP) -> None:
    await store.start("items", group, new_client)


Work = Callable[[Delivery], Awaitable[None]]


async def deliver(store: Stored, record: Record, work: Work) -> Delivery | None:
    """One delivery as the bus has it; none if the store says that it is processed."""
    delivery = delivery_of(record)
    begun = await store.begin(delivery)
    if begun.processed:
        return None
    delivery.deliveries = begun.deliveries

    async def following(delivery: Delivery) -> None:
        await work(delivery)

    await store.transact(following)(delivery)
    if not delivery.marked:
        await store.end(delivery)
    return delivery


async def prepare(engine: AsyncEngine) -> None:
    """Create the store's tables, and one for effects."""
    await create_tables(engine)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE effects (record VARCHAR(255) NOT NULL)"))


async def write_row(delivery: Delivery) -> None:
    """What a handler does: one row for each time it runs."""
    await delivery.session.execute(
        text("INSERT INTO effects (record) VALUES (:place)"), {"place": delivery.place}
    )


async def rows(engine: AsyncEngine, query: str) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def until_rows(
    engine: AsyncEngine, query: str, enough: Callable[[list[tuple[object, ...]]], bool]
) -> None:
    """Wait until a query's rows are as they will be."""
    async with asyncio.timeout(PATIENCE_S):
        while not enough(await rows(engine, query)):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.02)

"""What the tests of the outbox do; and a relay as a process of its own, to be killed:

python -m tests.outbox.relaying DATABASE BROKERS
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.client import Transport
from axion_gen.runtime.headers import MESSAGE_ID, Record
from axion_gen.runtime.kafka import KafkaProducer
from axion_gen.runtime.sql.outbox import Transaction, begin
from axion_gen.runtime.sql.relay import Relay

from ..runtime.items import CONTRACT, SOMEBODY, Client, ItemCreated
from ..runtime.kafka import end_offset, read

SERVICE = "items"
LEASE_S = 1.0


def new_client(transport: Transport) -> Client:
    return Client(CONTRACT, transport)


def asleep() -> None:
    """Wakes nobody."""


def event(key: int, name: object) -> ItemCreated:
    return ItemCreated(id=UUID(int=key), name=str(name))


def transaction(engine: AsyncEngine, relay: Relay | None = None) -> Any:
    """A transaction; the relay is woken after it."""
    return begin(engine, new_client, SERVICE, relay.wake if relay else asleep)


async def emit(within: Transaction[Client], key: int, name: object) -> str:
    return await within.client.emit("item.events", event(key, name), metadata=SOMEBODY)


async def commit(engine: AsyncEngine, *messages: tuple[int, object]) -> list[str]:
    """Emit messages, each a key and a name, in one transaction; their ids."""
    async with transaction(engine) as within:
        return [await emit(within, *message) for message in messages]


@asynccontextmanager
async def relay_on(engine: AsyncEngine, servers: str, **options: Any) -> AsyncIterator[Relay]:
    """A relay and its producer, running."""
    settings = {"emit_timeout_s": options.pop("emit_timeout_s", 10.0)}
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=servers, **settings), "relay")
    await producer.start()
    relay = Relay(engine, SERVICE, producer.send, **{"poll_s": 0.05, **options})
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()
        await producer.stop()


async def rows(engine: AsyncEngine, query: str) -> list[tuple[Any, ...]]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def emptied(engine: AsyncEngine, what: str = "axion_outbox") -> None:
    """Wait until a table, or what else can be selected from, has no row."""
    async with asyncio.timeout(30):
        while await rows(engine, f"SELECT 1 FROM {what} LIMIT 1"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)


async def all_sent(servers: str) -> list[Record]:
    """All records of the topic, what was sent twice among them."""
    return await read(servers, "item.events", at_least=await end_offset(servers, "item.events"))


def first_times(records: Sequence[Record]) -> list[Record]:
    """The records without what a receiver would skip: what has a message id that it has seen."""
    seen: dict[bytes | None, Record] = {}
    for record in records:
        first = seen.setdefault(dict(record.headers)[MESSAGE_ID], record)
        assert (first.key, first.value) == (record.key, record.value)
        assert list(first.headers) == list(record.headers)
    return list(seen.values())


def names(records: Sequence[Record]) -> dict[int, list[str]]:
    """The names in records, in their order, for each key."""
    found: dict[int, list[str]] = {}
    for record in records:
        created = ItemCreated.model_validate_json(record.value or b"")
        assert record.key == str(created.id).encode()
        found.setdefault(created.id.int, []).append(created.name)
    return found


async def main(url: str, servers: str) -> None:
    async with relay_on(create_async_engine(url), servers, lease_s=LEASE_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

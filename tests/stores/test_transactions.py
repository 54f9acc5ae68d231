"""Transactions of the bus outside any handler: what they emit is sent once they commit."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.items import TOPICS, Bus, Quiet
from ..runtime.kafka import read
from .records import rows
from .test_bus import bus_on as bus_with_store
from .test_bus import command, metadata


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={**TOPICS, "items-dlq": 1, "items-replay": 1}) as broker:
        yield broker


async def test_a_transaction_sends_what_it_emits_once_it_commits(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus = bus_with_store(broker, engine)
    async with bus.run(Quiet()):
        with suppress(ConnectionError):
            async with bus.transaction() as transaction:
                await transaction.client.emit("item.commands", command("no"), metadata=metadata())
                raise ConnectionError
        async with bus.transaction() as transaction:
            await transaction.session.execute(text("INSERT INTO effects (record) VALUES ('cup')"))
            message_id = await transaction.client.emit(
                "item.commands", command("cup"), metadata=metadata()
            )
        (sent,) = await read(broker.bootstrap_servers, "item.commands", at_least=1)
    assert dict(sent.headers)["x-message-id"] == message_id.encode()
    assert await rows(engine, "SELECT record FROM effects") == [("cup",)]


async def test_a_session_of_ones_own_has_an_outbox_too(
    broker: EmbeddedBroker, engine: AsyncEngine
) -> None:
    bus = bus_with_store(broker, engine)
    async with bus.run(Quiet()), AsyncSession(engine) as session:
        for name in ("cup", "saucer"):
            await bus.outbox(session).emit("item.commands", command(name), metadata=metadata())
            await session.commit()
        sent = await read(broker.bootstrap_servers, "item.commands", at_least=2)
    assert [b"cup" in (record.value or b"") for record in sent] == [True, False]


async def test_without_a_sql_store_there_are_no_transactions() -> None:
    with pytest.raises(LookupError, match="SQL store"):
        Bus("items").transaction()

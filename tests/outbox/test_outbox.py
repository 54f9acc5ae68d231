"""Emitting into the outbox: what a transaction leaves behind."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from axion_gen.runtime.sql.outbox import from_text, outbox_client, to_text

from ..runtime.items import SOMEBODY
from .relaying import SERVICE, asleep, commit, emit, event, new_client, rows, transaction

ROWS = "SELECT topic, key, value, message_id, parked FROM axion_outbox ORDER BY id"

raw_names = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(st.lists(st.tuples(raw_names, st.none() | st.binary(max_size=50))))
def test_headers_keep_every_byte_and_their_order(headers: list[tuple[str, bytes | None]]) -> None:
    written = to_text(headers)
    assert written.isascii()  # any database's text can have it
    assert from_text(written) == headers


@pytest.mark.parametrize("written", ["", "{}x", "[1]", '[["name"]]', '[["name", 1]]', "7"])
def test_headers_that_somebody_else_wrote_are_an_error(written: str) -> None:
    with pytest.raises(ValueError, match="its headers are not as they were written"):
        from_text(written)


async def test_what_is_emitted_is_there_after_the_commit(engine: AsyncEngine) -> None:
    key, value = b"00000000-0000-0000-0000-000000000001", event(1, "cup").model_dump_json()
    (message_id,) = await commit(engine, (1, "cup"))
    assert await rows(engine, ROWS) == [("item.events", key, value.encode(), message_id, False)]


async def test_what_is_rolled_back_is_not(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with transaction(engine) as within:
            await emit(within, 1, "cup")
            raise LookupError("no such item")

    with pytest.raises(LookupError, match="no such item"):
        await fail()
    assert await rows(engine, ROWS) == []


async def test_what_is_rolled_back_to_a_savepoint_is_not(engine: AsyncEngine) -> None:
    async with transaction(engine) as within:
        kept = [await emit(within, 1, "before")]
        async with within.session.begin_nested() as savepoint:
            await emit(within, 1, "within")
            await savepoint.rollback()
        kept.append(await emit(within, 1, "after"))
    assert [row[3] for row in await rows(engine, ROWS)] == kept


async def test_the_relay_is_woken_after_the_commit_and_not_without(engine: AsyncEngine) -> None:
    seen: list[int] = []
    committed = asyncio.Event()
    async with AsyncSession(engine) as session:
        client = outbox_client(session, new_client, SERVICE, committed.set)
        assert outbox_client(session, new_client, SERVICE, committed.set) is not client
        await client.emit("item.events", event(1, "cup"), metadata=SOMEBODY)
        await session.rollback()
        assert not committed.is_set()
        await client.emit("item.events", event(1, "cup"), metadata=SOMEBODY)
        assert not committed.is_set()
        await session.commit()
        assert committed.is_set()
        seen.append(len(await rows(engine, ROWS)))
    assert seen == [1]


async def test_services_that_share_a_database_have_outboxes_of_their_own(
    engine: AsyncEngine,
) -> None:
    async with AsyncSession(engine) as session:
        for service in ("items", "orders"):
            client = outbox_client(session, new_client, service, asleep)
            await client.emit("item.events", event(1, service), metadata=SOMEBODY)
        await session.commit()
    found = await rows(engine, "SELECT service FROM axion_outbox ORDER BY id")
    assert found == [("items",), ("orders",)]

"""The SQL store by itself, on SQLite and PostgreSQL, as a bus uses it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.errors import PermanentError, StartError
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.stores import Begun

from .records import Record, deliver, delivery_of, rows, start, until_rows, write_row

EFFECTS = "SELECT record FROM effects"
MARKS = 'SELECT "offset", deliveries, outcome FROM axion_inbox ORDER BY "offset"'


@pytest.fixture
async def store(engine: AsyncEngine) -> AsyncIterator[SqlStore]:
    store = SqlStore(engine)
    await start(store)
    yield store
    await store.stop()


async def fail(delivery: Delivery) -> None:
    await write_row(delivery)
    raise LookupError("no such item")


async def test_what_was_handled_is_not_handled_again(engine: AsyncEngine, store: SqlStore) -> None:
    record = Record(offset=7)
    first = await deliver(store, record, write_row)
    assert first is not None
    assert first.marked
    assert await deliver(store, record, write_row) is None
    assert await rows(engine, EFFECTS) == [("item.commands[0]@7",)]
    assert await rows(engine, MARKS) == [(7, 1, "handled")]


async def test_another_process_knows_it_too(engine: AsyncEngine, store: SqlStore) -> None:
    record = Record()
    await deliver(store, record, write_row)
    restarted = SqlStore(engine)
    await start(restarted)
    assert await deliver(restarted, record, write_row) is None
    await restarted.stop()


async def test_another_group_does_not(engine: AsyncEngine, store: SqlStore) -> None:
    record = Record()
    await deliver(store, record, write_row)
    other = SqlStore(engine)
    await start(other, group="billing-group")
    assert await deliver(other, record, write_row) is not None
    assert len(await rows(engine, EFFECTS)) == 2
    await other.stop()


async def test_a_failed_attempt_leaves_neither_rows_nor_mark(
    engine: AsyncEngine, store: SqlStore
) -> None:
    record = Record()
    with pytest.raises(LookupError, match="no such item"):
        await deliver(store, record, fail)
    assert await rows(engine, EFFECTS) == []
    assert await rows(engine, MARKS) == [(0, 1, None)]


async def test_the_next_attempt_of_a_delivery_has_a_transaction_of_its_own(
    engine: AsyncEngine, store: SqlStore
) -> None:
    delivery = delivery_of(Record())
    await store.begin(delivery)
    with pytest.raises(LookupError):
        await store.transact(fail)(delivery)
    assert delivery.session is None
    assert delivery.client is None
    await store.transact(write_row)(delivery)
    assert delivery.marked
    assert len(await rows(engine, EFFECTS)) == 1


async def test_a_handler_that_is_cancelled_leaves_nothing(
    engine: AsyncEngine, store: SqlStore
) -> None:
    written = asyncio.Event()

    async def hang(delivery: Delivery) -> None:
        await write_row(delivery)
        written.set()
        await asyncio.Event().wait()

    handling = asyncio.create_task(deliver(store, Record(), hang))
    await written.wait()
    handling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handling
    assert await rows(engine, EFFECTS) == []
    assert await rows(engine, MARKS) == [(0, 1, None)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_handler_must_not_end_its_transaction(store: SqlStore, end: str) -> None:
    async def meddle(delivery: Delivery) -> None:
        await write_row(delivery)
        await getattr(delivery.session, end)()

    with pytest.raises(PermanentError, match="leave commit and rollback to the bus"):
        await deliver(store, Record(), meddle)


async def test_a_part_may_fail_within_a_savepoint(engine: AsyncEngine, store: SqlStore) -> None:
    async def attempt(delivery: Delivery) -> None:
        await write_row(delivery)
        with pytest.raises(LookupError):
            async with delivery.session.begin_nested():
                await fail(delivery)

    await deliver(store, Record(), attempt)
    assert len(await rows(engine, EFFECTS)) == 1


async def test_a_session_that_was_kept_is_of_no_use(store: SqlStore) -> None:
    kept = []

    async def keep(delivery: Delivery) -> None:
        kept.append(delivery.session)

    await deliver(store, Record(), keep)
    with pytest.raises(Exception, match="closed"):
        await kept[0].execute(text("SELECT 1"))


# Outcomes


async def test_the_outcome_without_a_transaction_is_marked(
    engine: AsyncEngine, store: SqlStore
) -> None:
    for offset, outcome in enumerate(("skipped", "dead-lettered")):
        delivery = delivery_of(Record(offset=offset))
        await store.begin(delivery)
        delivery.outcome = outcome  # type: ignore[assignment]  # one of its literals
        await store.end(delivery)
        assert await store.begin(delivery) == Begun(processed=True)
    assert await rows(engine, MARKS) == [(0, 1, "skipped"), (1, 1, "dead-lettered")]


async def test_a_mark_is_not_changed_afterwards(engine: AsyncEngine, store: SqlStore) -> None:
    record = Record()
    delivery = await deliver(store, record, write_row)
    assert delivery is not None
    delivery.outcome = "dead-lettered"
    await store.end(delivery)
    assert await rows(engine, MARKS) == [(0, 1, "handled")]


# The same message, or another record at the same place


async def test_a_producers_repetition_has_one_effect(engine: AsyncEngine, store: SqlStore) -> None:
    first = Record(offset=0)
    again = Record(offset=1, message_id=first.message_id)
    await deliver(store, first, write_row)
    assert await deliver(store, again, write_row) is None
    assert await rows(engine, EFFECTS) == [("item.commands[0]@0",)]
    assert await rows(engine, MARKS) == [(0, 1, "handled"), (1, 1, "duplicate")]


async def test_a_repetition_of_what_was_dead_lettered_is_handled(
    engine: AsyncEngine, store: SqlStore
) -> None:
    first = Record(offset=0)
    letter = delivery_of(first)
    await store.begin(letter)
    letter.outcome = "dead-lettered"
    await store.end(letter)
    replayed = Record(topic="items-replay", message_id=first.message_id)
    assert await deliver(store, replayed, write_row) is not None
    assert await rows(engine, EFFECTS) == [("items-replay[0]@0",)]


async def test_a_repetition_at_the_same_moment_has_one_effect(
    engine: AsyncEngine, store: SqlStore
) -> None:
    first = Record(offset=0)
    deliveries = [delivery_of(first), delivery_of(Record(offset=1, message_id=first.message_id))]
    assert await asyncio.gather(*map(store.begin, deliveries)) == [Begun(), Begun()]
    attempt = store.transact(write_row)
    await asyncio.gather(*map(attempt, deliveries))
    assert len(await rows(engine, EFFECTS)) == 1
    assert sorted(delivery.outcome for delivery in deliveries) == ["duplicate", "handled"]
    assert sum(delivery.statistics.duplicates for delivery in deliveries) == 1
    assert all(delivery.marked for delivery in deliveries)


async def test_records_without_an_id_are_never_repetitions(
    engine: AsyncEngine, store: SqlStore
) -> None:
    for offset in range(2):
        await deliver(store, Record(offset=offset, message_id=None), write_row)
    assert len(await rows(engine, EFFECTS)) == 2


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xff\xfe", b"x" * 100_000, "né".encode()])
async def test_an_id_that_is_none_does_not_stop_the_store(store: SqlStore, raw: bytes) -> None:
    record = Record(message_id=raw)
    assert await deliver(store, record, write_row) is not None
    assert await deliver(store, record, write_row) is None


@pytest.mark.parametrize("changed", ["message_id", "timestamp"])
async def test_a_topic_made_again_is_handled_again(
    engine: AsyncEngine, store: SqlStore, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    old = Record(offset=3, timestamp=1_700_000_000_000)
    await deliver(store, old, write_row)
    new = (
        Record(offset=3, timestamp=old.timestamp)
        if changed == "message_id"
        else Record(offset=3, message_id="5b1e1b52-0000-4000-8000-000000000000")
    )
    assert await deliver(store, new, write_row) is not None
    assert "item.commands[0]@3: another record was processed at this offset" in caplog.text
    assert len(await rows(engine, EFFECTS)) == 2
    assert await deliver(store, new, write_row) is None
    assert await rows(engine, MARKS) == [(3, 1, "handled")]


# Deliveries that never ended


async def never_ends(store: SqlStore, delivery: Delivery) -> None:
    async def work(delivery: Delivery) -> None:
        await asyncio.Event().wait()

    await store.transact(work)(delivery)


async def test_deliveries_that_never_ended_are_counted_across_processes(
    engine: AsyncEngine,
) -> None:
    record = Record()
    for times in (1, 2, 3):
        store = SqlStore(engine)
        await start(store)
        delivery = delivery_of(record)
        assert await store.begin(delivery) == Begun(deliveries=times)
        delivery.deliveries = times
        running = asyncio.create_task(never_ends(store, delivery))
        counted: list[tuple[object, ...]] = [(0, times, None)]
        await until_rows(engine, MARKS, counted.__eq__)
        running.cancel()
        await asyncio.wait((running,))
        await store.stop()


async def test_what_only_waits_to_run_alone_does_not_count(engine: AsyncEngine) -> None:
    record = Record()
    for times in (1, 2, 2, 2):
        store = SqlStore(engine)
        await start(store)
        delivery = delivery_of(record)
        assert await store.begin(delivery) == Begun(deliveries=times)
        await store.stop()
    delivery.deliveries = 2
    await store.abandon(delivery)
    assert await rows(engine, MARKS) == [(0, 1, None)]


async def test_what_is_let_go_does_not_count(engine: AsyncEngine, store: SqlStore) -> None:
    delivery = delivery_of(Record())
    await store.begin(delivery)
    await store.abandon(delivery)
    assert await rows(engine, MARKS) == [(0, 0, None)]
    assert await store.begin(delivery) == Begun(deliveries=1)


@pytest.mark.parametrize("turns", [0, 1, 3, 30])
async def test_a_begin_that_is_cancelled_does_not_count(store: SqlStore, turns: int) -> None:
    records = [Record(offset=offset) for offset in range(3)]
    begins = [asyncio.create_task(store.begin(delivery_of(record))) for record in records]
    for _ in range(turns):  # so that the note is not yet, or just, or almost written
        await asyncio.sleep(0)
    begins[1].cancel()
    await asyncio.wait(begins)
    await store.stop()
    assert await store.begin(delivery_of(records[1])) == Begun(deliveries=1)


async def test_letting_go_of_what_is_done_changes_nothing(
    engine: AsyncEngine, store: SqlStore
) -> None:
    delivery = await deliver(store, Record(), write_row)
    assert delivery is not None
    await store.abandon(delivery)
    assert await rows(engine, MARKS) == [(0, 1, "handled")]


# Many at once


async def test_two_instances_with_the_same_record_have_one_effect(
    engine: AsyncEngine, store: SqlStore
) -> None:
    other = SqlStore(engine)
    await start(other)
    records = [Record(offset=offset) for offset in range(30)]

    async def both(one: SqlStore) -> list[Delivery | None]:
        found = await asyncio.gather(
            *(deliver(one, record, write_row) for record in records), return_exceptions=True
        )
        # A record that the other one has in hand right now is asked for again by the bus.
        for place, result in enumerate(found):
            while isinstance(found[place], BaseException):
                assert "still handling" in str(result)
                found[place] = await deliver(one, records[place], write_row)
        return found  # type: ignore[return-value]  # no exceptions are left

    await asyncio.gather(both(store), both(other))
    await other.stop()
    effects = await rows(engine, EFFECTS)
    assert len(effects) == len(set(effects)) == 30
    assert {mark[2] for mark in await rows(engine, MARKS)} == {"handled"}


async def test_many_are_begun_at_once(engine: AsyncEngine, store: SqlStore) -> None:
    many = [delivery_of(Record(offset=offset)) for offset in range(250)]
    assert await asyncio.gather(*map(store.begin, many)) == [Begun()] * 250
    assert await rows(engine, "SELECT count(*) FROM axion_inbox") == [(250,)]


# What it keeps


async def test_old_marks_are_purged(engine: AsyncEngine) -> None:
    store = SqlStore(engine, retention_s=3600)
    await start(store)
    for offset in range(3):
        await deliver(store, Record(offset=offset), write_row)
    await store.stop()
    async with engine.begin() as connection:
        await connection.execute(
            text('UPDATE axion_inbox SET updated_at = updated_at - 3700000 WHERE "offset" < 2')
        )
    await start(store)
    await until_rows(engine, MARKS, lambda found: found == [(2, 1, "handled")])
    await store.stop()


async def test_a_commit_without_anything_to_send_wakes_nobody(store: SqlStore) -> None:
    woken = []
    store.on_commit = lambda: woken.append(True)
    await deliver(store, Record(), write_row)
    assert woken == []


# The start


async def test_the_start_names_the_tables_that_are_missing(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE axion_inbox"))
        await connection.execute(text("ALTER TABLE axion_outbox DROP COLUMN error"))
    with pytest.raises(StartError, match=r"lacks axion_inbox, axion_outbox\.error: run the migr"):
        await start(SqlStore(engine))
    await create_tables(engine)


async def test_the_start_says_that_no_database_answers() -> None:
    engine = create_async_engine("postgresql+asyncpg://ada:secret@127.0.0.1:1/items")
    with pytest.raises(StartError, match="the database of SqlStore is away") as raised:
        await start(SqlStore(engine))
    assert "secret" not in str(raised.value)

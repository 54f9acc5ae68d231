"""The relay, between a database and the embedded broker: rows in, records out."""

import asyncio
import logging
import random
from itertools import count

import pytest
from pydantic import RootModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from axion_gen.runtime import Contract, Message, StartError, Topic
from axion_gen.runtime.headers import IN_ORDER, MESSAGE_ID
from axion_gen.runtime.kafka import MAX_RECORD_BYTES
from axion_gen.runtime.sql import create_tables, lanes, relay
from axion_gen.runtime.sql.outbox import outbox_client
from axion_gen.runtime.sql.relay import Relay
from axion_gen.runtime.sql.unsent import unpark
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey
from tests.servers import PostgreSQL

from ..runtime.items import SOMEBODY, Client
from ..runtime.kafka import end_offset, read, until
from .relaying import (
    SERVICE,
    all_sent,
    asleep,
    commit,
    emit,
    emptied,
    event,
    first_times,
    names,
    new_client,
    relay_on,
    rows,
    transaction,
)

NEVER_S = 3600.0
NOT_LEADER, NOT_ENOUGH_REPLICAS, FORBIDDEN = 6, 19, 29
PARKED = "SELECT key, attempts FROM axion_outbox WHERE parked = true"


async def test_a_row_becomes_the_record_that_was_emitted(
    engine: AsyncEngine, broker: EmbeddedBroker
) -> None:
    async with relay_on(engine, broker.bootstrap_servers) as running:
        (message_id,) = await commit(engine, (1, "cup"))
        (record,) = await read(broker.bootstrap_servers, "item.events", at_least=1)
        await emptied(engine)
        assert running.sent == 1
    assert record.key == b"00000000-0000-0000-0000-000000000001"
    assert record.value == event(1, "cup").model_dump_json().encode()
    assert [name for name, _ in record.headers] == [*IN_ORDER]
    assert dict(record.headers)[MESSAGE_ID] == message_id.encode()


class Gone(RootModel[None], frozen=True):
    pass


async def test_what_is_null_stays_null(engine: AsyncEngine, broker: EmbeddedBroker) -> None:
    gone = Message("item.gone", Gone, tombstone=True)
    contract = Contract("Items", "1.0.0", (Topic("item.events", messages=(gone,)),))
    async with AsyncSession(engine) as session:
        client = outbox_client(session, lambda to: Client(contract, to), SERVICE, asleep)
        await client.emit("item.events", Gone(None), key="1", metadata=SOMEBODY)
        await session.commit()
    async with relay_on(engine, broker.bootstrap_servers):
        (record,) = await read(broker.bootstrap_servers, "item.events", at_least=1)
        await emptied(engine)
    assert (record.key, record.value) == (b"1", None)


async def test_a_commit_of_its_own_process_is_sent_at_once(
    engine: AsyncEngine, broker: EmbeddedBroker
) -> None:
    async with relay_on(engine, broker.bootstrap_servers, poll_s=NEVER_S) as running:
        async with transaction(engine, running) as within:
            await emit(within, 1, "cup")
        await read(broker.bootstrap_servers, "item.events", at_least=1)
        async with AsyncSession(engine) as session:
            client = outbox_client(session, new_client, SERVICE, running.wake)
            await client.emit("item.events", event(1, "jug"), metadata=SOMEBODY)
            await session.commit()
        await read(broker.bootstrap_servers, "item.events", at_least=2)


async def test_what_is_committed_arrives_in_order_and_what_is_rolled_back_never(
    engine: AsyncEngine, broker: EmbeddedBroker
) -> None:
    keys = range(40)
    locks = {key: asyncio.Lock() for key in keys}
    committed: dict[int, list[str]] = {key: [] for key in keys}
    number = count()
    places = asyncio.Semaphore(5)

    async def write(chance: random.Random, running: Relay) -> None:
        key = chance.choice(keys)
        # The lock stands for that of the entity's row.
        async with locks[key], places:
            emitted: list[str] = []
            rolls_back = chance.random() < 0.2
            try:
                async with transaction(engine, running if chance.random() < 0.5 else None) as it:
                    for _ in range(chance.randint(1, 4)):
                        name = f"{next(number)}"
                        await emit(it, key, name)
                        emitted.append(name)
                    if rolls_back:
                        raise LookupError
            except LookupError:
                return
            committed[key] += emitted

    chance = random.Random(7)
    async with relay_on(engine, broker.bootstrap_servers) as running:
        for _ in range(6):
            broker.push_errors(ApiKey.PRODUCE, NOT_LEADER, 0, NOT_ENOUGH_REPLICAS)
            await asyncio.gather(*(write(chance, running) for _ in range(60)))
        await emptied(engine)
    expected = {key: emitted for key, emitted in committed.items() if emitted}
    total = sum(map(len, expected.values()))
    assert await end_offset(broker.bootstrap_servers, "item.events") == total
    assert names(await read(broker.bootstrap_servers, "item.events", at_least=total)) == expected


@pytest.mark.servers
async def test_what_commits_late_is_not_passed_over(
    postgresql: PostgreSQL, broker: EmbeddedBroker
) -> None:
    engine = create_async_engine(postgresql.new_database())
    await create_tables(engine)
    async with relay_on(engine, broker.bootstrap_servers):
        async with transaction(engine) as early:
            await emit(early, 1, "first id, last commit")
            await commit(engine, (2, "last id, first commit"))
            await read(broker.bootstrap_servers, "item.events", at_least=1)
        await read(broker.bootstrap_servers, "item.events", at_least=2)
    await engine.dispose()


async def test_a_row_that_is_too_large_is_parked_with_its_key_alone(
    engine: AsyncEngine, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    large = "x" * MAX_RECORD_BYTES
    async with relay_on(engine, broker.bootstrap_servers):
        await commit(engine, (1, "before"), (1, large), (1, "after"), (2, "other"))
        await read(broker.bootstrap_servers, "item.events", at_least=2)
        await commit(engine, (1, "later"), (2, "another"))
        sent = await read(broker.bootstrap_servers, "item.events", at_least=3)
        assert names(sent) == {1: ["before"], 2: ["other", "another"]}
        ((key, attempts),) = await rows(engine, PARKED)
        assert (key, attempts) == (b"00000000-0000-0000-0000-000000000001", 1)
        assert "cannot be sent to item.events" in caplog.text
        # Whoever looks decides that it shall not be sent: what waits behind it goes on.
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM axion_outbox WHERE parked = true"))
        await emptied(engine)
    sent = await read(broker.bootstrap_servers, "item.events", at_least=5)
    assert names(sent) == {1: ["before", "after", "later"], 2: ["other", "another"]}


async def test_a_topic_that_refuses_for_a_moment_parks_nothing(
    engine: AsyncEngine, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FIRST_PAUSE_S", 0.01)
    broker.push_errors(ApiKey.PRODUCE, *[FORBIDDEN] * 3)
    async with relay_on(engine, broker.bootstrap_servers):
        await commit(engine, (1, "first"), (1, "second"))
        await emptied(engine)
    sent = await read(broker.bootstrap_servers, "item.events", at_least=2)
    assert names(sent) == {1: ["first", "second"]}


async def test_a_topic_that_goes_on_refusing_has_rows_parked_until_they_are_unparked(
    engine: AsyncEngine, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(relay, "LOOK_S", 0.05)
    broker.push_errors(ApiKey.PRODUCE, *[FORBIDDEN] * (lanes.ATTEMPTS + 1))
    async with relay_on(engine, broker.bootstrap_servers) as running:
        # The second key's row has no attempts of its own: it is the topic that refuses.
        await commit(engine, (1, "first"), (2, "second"), (1, "third"))
        await until(lambda: running.parked == 2, "both keys' first rows are parked")
        assert running.pending == 1
        assert await rows(engine, "SELECT error FROM axion_outbox WHERE parked = true") != [(None,)]
        assert await unpark(engine, SERVICE) == 2
        await emptied(engine)
        assert not await unpark(engine, SERVICE)
        await until(lambda: running.parked == 0, "the next look sees none")
    sent = await read(broker.bootstrap_servers, "item.events", at_least=3)
    assert names(sent) == {1: ["first", "third"], 2: ["second"]}


async def test_headers_that_cannot_be_read_park_a_row(
    engine: AsyncEngine, broker: EmbeddedBroker
) -> None:
    async with relay_on(engine, broker.bootstrap_servers):
        async with transaction(engine) as within:
            await emit(within, 1, "cup")
            await within.session.execute(text("UPDATE axion_outbox SET headers = 'none'"))
        await commit(engine, (2, "jug"))
        await read(broker.bootstrap_servers, "item.events", at_least=1)
        await emptied(engine, "axion_outbox WHERE parked = false")
    ((error,),) = await rows(engine, "SELECT error FROM axion_outbox")
    assert "headers are not as they were written" in error


async def test_brokers_that_are_away_park_nothing(
    engine: AsyncEngine,
    broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lanes, "FIRST_PAUSE_S", 0.05)
    expected = {key: [f"{n}" for n in range(5)] for key in range(30)}
    async with relay_on(engine, broker.bootstrap_servers, emit_timeout_s=0.5) as running:
        await commit(engine, *((key, "0") for key in expected))
        await emptied(engine)
        for number in broker.broker_ids:
            broker.set_down(number)
        for n in range(1, 5):
            await commit(engine, *((key, n) for key in expected))
        await until(lambda: caplog.text.count("takes no records") >= 4, "it tries again")
        assert running.leader
        for number in broker.broker_ids:
            broker.set_up(number)
        await emptied(engine)
    assert not await rows(engine, PARKED)
    assert names(first_times(await all_sent(broker.bootstrap_servers))) == expected


async def test_a_database_in_memory_is_refused() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(StartError, match="SQLite in a file, or PostgreSQL"):
        await Relay(engine, SERVICE, None).start()  # type: ignore[arg-type]  # nothing is sent


async def test_one_instance_sends_and_gives_the_lease_up_when_it_stops(
    engine: AsyncEngine, broker: EmbeddedBroker
) -> None:
    servers = broker.bootstrap_servers
    async with relay_on(engine, servers, lease_s=NEVER_S, poll_s=0.05) as first:
        await until(lambda: first.leader, "the first one leads")
        async with relay_on(engine, servers, lease_s=NEVER_S, poll_s=0.05) as second:
            await commit(engine, *((1, n) for n in range(20)))
            await emptied(engine)
            assert (first.sent, second.sent, second.leader) == (20, 0, False)
            await first.stop()
            await commit(engine, *((1, n) for n in range(20, 40)))
            await emptied(engine)
            assert (first.sent, second.sent, first.leader) == (20, 20, False)
    sent = await read(servers, "item.events", at_least=40)
    assert names(sent) == {1: [f"{n}" for n in range(40)]}


async def test_an_outage_of_the_database_is_survived(
    postgresql: PostgreSQL, broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_async_engine(postgresql.new_database())
    await create_tables(engine)
    async with relay_on(engine, broker.bootstrap_servers, lease_s=1.0) as running:
        await commit(engine, (1, "before"))
        await emptied(engine)
        postgresql.kill()
        try:
            await until(lambda: not running.leader, "whoever cannot renew the lease leads no more")
            assert "next try in" in caplog.text
        finally:
            postgresql.start()
        await engine.dispose()
        await commit(engine, (1, "after"))
        await emptied(engine)
    sent = await all_sent(broker.bootstrap_servers)
    assert names(first_times(sent)) == {1: ["before", "after"]}
    await engine.dispose()


async def test_it_says_how_much_there_is_to_send_and_for_how_long(
    engine: AsyncEngine,
    broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(relay, "LOOK_S", 0.05)
    caplog.set_level(logging.INFO)
    await commit(engine, (1, "cup"), (2, "jug"))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE axion_outbox SET created_at = created_at - 60000"))
    idle = Relay(engine, "orders", None)  # type: ignore[arg-type]  # it has nothing to send
    await idle.start()
    await until(lambda: idle.leader, "it leads where nobody else does")
    assert (idle.pending, idle.parked, idle.oldest_age_s) == (0, 0, 0.0)
    await idle.stop()
    async with relay_on(engine, broker.bootstrap_servers, lease_s=0.001) as never:
        # Its lease ends sooner than it can send: somebody who only looks.
        await until(lambda: never.pending == 2, "it has looked")
        assert 60 <= never.oldest_age_s < 120
    async with relay_on(engine, broker.bootstrap_servers) as running:
        await emptied(engine)
        await until(lambda: running.pending == 0, "it has looked")
        assert running.oldest_age_s == 0.0

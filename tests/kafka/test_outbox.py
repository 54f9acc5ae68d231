"""The relay on a real Kafka, which has no topic that nobody has created."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime.sql import create_tables, lanes, relay
from axion_gen.runtime.sql.unsent import unpark

from ..outbox.relaying import (
    SERVICE,
    commit,
    emit,
    emptied,
    first_times,
    names,
    relay_on,
    rows,
    transaction,
)
from ..runtime.kafka import read, until
from .server import KafkaServer

pytestmark = pytest.mark.kafka


async def commit_to(engine: AsyncEngine, topic: str, *emitted: str) -> None:
    async with transaction(engine) as within:
        for name in emitted:
            await emit(within, 1, name)
        await within.session.execute(text(f"UPDATE axion_outbox SET topic = '{topic}'"))


async def test_a_missing_topic_has_its_rows_parked_and_stops_no_other(
    kafka: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "ATTEMPTS", 2)
    monkeypatch.setattr(lanes, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(relay, "LOOK_S", 0.1)
    kafka.create_topic("item.events")
    servers = kafka.bootstrap_servers
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'service.db'}")
    await create_tables(engine)
    await commit_to(engine, "item.missing", "first", "second")
    async with relay_on(engine, servers, emit_timeout_s=1.0) as running:
        await commit(engine, (1, "other"))
        assert names(await read(servers, "item.events", at_least=1)) == {1: ["other"]}
        await until(lambda: running.parked == 1, "the first row is parked, the second waits")
        ((error,),) = await rows(engine, "SELECT error FROM axion_outbox WHERE parked = true")
        assert error == "item.missing is not there: create it"
        kafka.create_topic("item.missing")
        await unpark(engine, SERVICE)
        await emptied(engine)
    sent = await read(servers, "item.missing", at_least=2)
    assert names(sent) == {1: ["first", "second"]}
    await engine.dispose()


async def test_a_topic_that_brokers_who_are_away_say_nothing_about_is_not_missing(
    kafka: KafkaServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lanes, "ATTEMPTS", 1)
    monkeypatch.setattr(lanes, "FIRST_PAUSE_S", 0.1)
    kafka.create_topic("item.unheard-of")
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'service.db'}")
    await create_tables(engine)
    async with relay_on(engine, kafka.bootstrap_servers, emit_timeout_s=0.5):
        kafka.kill()
        try:
            await commit_to(engine, "item.unheard-of", "first", "second")
            await until(lambda: caplog.text.count("takes no records") >= 3, "it tries again")
        finally:
            kafka.start()
        await emptied(engine)
    sent = await read(kafka.bootstrap_servers, "item.unheard-of", at_least=2)
    assert names(first_times(sent)) == {1: ["first", "second"]}
    await engine.dispose()

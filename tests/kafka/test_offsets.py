"""Offsets that are not as they usually are: gaps, a log that was cut, a topic that was replaced."""

import asyncio
from importlib import import_module

import pytest
from confluent_kafka import Producer

from axion_gen.runtime import MemoryStore
from axion_gen.runtime.kafka.reader import KafkaReader

from ..runtime.items import Context, ItemCreate
from .members import PATIENCE_S, Journal, Load, Member, Place, Service, all_handled, command, until
from .server import KafkaServer

pytestmark = pytest.mark.kafka

CONNECTION = import_module("axion_gen.runtime.kafka.connection")


class Names:
    """Work that only notes the names of the items."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def __call__(self, message: ItemCreate, context: Context) -> None:
        self.names.append(message.name)


async def test_markers_of_transactions_are_no_records_and_are_committed(
    kafka: KafkaServer,
) -> None:
    service = Service(kafka, "markers", partitions=1)
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "transactional.id": "markers",
            "log_level": 0,
        }
    )

    def write(*names: str, abort: bool = False) -> None:
        producer.begin_transaction()
        for name in names:
            producer.produce(service.commands, **command(name))
        assert producer.flush(PATIENCE_S) == 0
        (producer.abort_transaction if abort else producer.commit_transaction)(PATIENCE_S)

    def write_some() -> None:
        producer.init_transactions(PATIENCE_S)
        write("one", "two")
        write("never", "was", abort=True)
        write("three")
        write("neither", abort=True)

    await asyncio.to_thread(write_some)
    work = Names()
    async with Member(service, "reads", Journal(), work):
        await until(lambda: len(work.names) == 3, "what was committed is handled")
        # The markers count, and the last one too: nothing seems to wait to be handled.
        await until(service.is_committed, "all is committed")
        assert await service.committed() == {0: 10}
        await asyncio.to_thread(write, "four")
        await until(lambda: len(work.names) == 4, "the next one too")
        await until(service.is_committed, "its marker is committed")
    assert work.names == ["one", "two", "three", "four"]
    assert await service.committed() == {0: 12}


async def test_what_compaction_left_is_handled_and_committed(kafka: KafkaServer) -> None:
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
    }
    service = Service(kafka, "compacted", partitions=1, config=config)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "linger.ms": 0})
    written = 0

    async def write(count: int) -> None:
        nonlocal written
        for _ in range(count):
            producer.produce(service.commands, **command(str(written), key=written % 7))
            producer.poll(0)
            written += 1
        assert await asyncio.to_thread(producer.flush, PATIENCE_S) == 0

    async def left() -> int:
        records = 0
        async with KafkaReader(service.settings(), "test", service.commands) as reader:
            while not await reader.caught_up():
                records += len(await reader.take())
        return records

    # A segment ends when something is written after its time, and the last one stays as it is.
    async def compacted() -> bool:
        await write(100)
        return await left() < written - 200

    await until(compacted, "something is compacted")
    work = Names()
    async with Member(service, "reads", Journal(), work):
        await until(lambda: str(written - 1) in work.names, "the last one is handled")
        await until(service.is_committed, "all is committed")
    assert await service.committed() == {0: written}
    numbers = [int(name) for name in work.names]
    assert 7 <= len(numbers) < written
    assert {*range(written - 7, written)} <= {*numbers}
    assert all(
        numbers_of_key == sorted(numbers_of_key)
        for numbers_of_key in ([n for n in numbers if n % 7 == key] for key in range(7))
    )


async def test_a_log_that_was_cut_is_told(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(kafka, "cut", partitions=1)
    journal = Journal()
    load = Load(service)
    member = Member(service, "reads", journal)
    async with member:
        load.write(100)
        await load.flush()
        await all_handled(load, journal, service)
    load.write(100)
    await load.flush()
    await asyncio.to_thread(kafka.delete_records, service.commands, 0, 150)
    async with member:
        await until(lambda: Place(0, 199) in journal.ended, "it goes on")
        await until(service.is_committed, "all is committed")
    assert (
        "cut.item.commands[0]: offset 100 does not exist any more, going on at 150" in caplog.text
    )
    assert member.bus.statistics.topic(service.commands).jumps == 1
    assert {place.offset for place in journal.ended} == {*range(100), *range(150, 200)}
    assert await service.committed() == {0: 200}


async def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(kafka, "again", partitions=1)
    journal = Journal()
    store = MemoryStore()
    load = Load(service)
    async with Member(service, "before", journal, store=store):
        load.write(20)
        await load.flush()
        await all_handled(load, journal, service)
    await asyncio.to_thread(kafka.delete_topic, service.commands)
    await asyncio.to_thread(kafka.create_topic, service.commands)
    work = Names()
    load = Load(service)
    load.write(20)
    await load.flush()
    async with Member(service, "after", journal, work, store=store):
        await until(lambda: len(work.names) == 20, "what is new is handled")
        await until(service.is_committed, "all is committed")
    assert sorted(work.names) == sorted(load.places)
    assert "again.item.commands[0]@0: another record was processed at this offset" in caplog.text


async def test_a_topic_that_is_made_again_under_a_running_service(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONNECTION, "METADATA_AGE_S", 2.0)
    service = Service(kafka, "under", partitions=1)
    work = Names()
    async with Member(service, "stays", Journal(), work) as member:
        load = Load(service)
        load.write(20)
        await load.flush()
        await until(lambda: len(work.names) == 20, "it is at work")
        await until(service.is_committed, "all is committed")
        await asyncio.to_thread(kafka.delete_topic, service.commands)
        await asyncio.to_thread(kafka.create_topic, service.commands)
        load = Load(service)
        load.write(10)
        await load.flush()
        await until(lambda: len(work.names) == 30, "what is new is handled")
        await until(service.is_committed, "all is committed")
        assert member.bus.ready
    assert "under.item.commands[0]@0: another record was processed at this offset" in caplog.text
    assert await service.committed() == {0: 10}


async def test_a_new_partition_is_found(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CONNECTION, "METADATA_AGE_S", 2.0)
    service = Service(kafka, "grown", partitions=1)
    journal = Journal()
    load = Load(service)
    async with Member(service, "stays", journal):
        await asyncio.to_thread(kafka.grow, service.commands, 3)
        for partition in range(3):
            load.write(10, partition=partition)
        await load.flush()
        await all_handled(load, journal, service)

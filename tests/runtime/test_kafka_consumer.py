"""The consumer on the embedded broker: jumps are told, the unreadable delivered or halted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # ships no types
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # ships no types
from aiokafka.protocol.produce import ProduceRequest  # type: ignore[import-untyped]  # ships none
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    _DefaultRecordBatchBuilderPy,
)

from axion_gen.runtime import KafkaSettings, StartError
from axion_gen.runtime.headers import Record
from axion_gen.runtime.kafka import (
    CommitError,
    ConsumerBrokenError,
    KafkaConsumer,
    KafkaProducer,
    Partition,
    damage,
)
from axion_gen.runtime.kafka.batches import _Name
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey

from .kafka import committed, write

ILLEGAL_GENERATION = 22
UNKNOWN_MEMBER_ID = 25
REBALANCE_IN_PROGRESS = 27
GROUP_AUTHORIZATION_FAILED = 30
FENCED_INSTANCE_ID = 82
ONE = Partition("one", 0)
ODD_NAME = b"caf\xe9\xff".decode("utf-8", "surrogateescape")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={"one": 1, "three": 3}) as broker:
        yield broker


class Member:
    """A member of a group, with what an engine would keep of it."""

    def __init__(self, broker: EmbeddedBroker, **settings: Any) -> None:
        limits = {
            "drain_timeout_s": 1.5,
            "rebalance_timeout_s": 1.6,
            "request_timeout_s": 2.0,
            "session_timeout_s": 2.1,
        }
        self.settings = KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers, **(limits | settings)
        )
        self.moves: list[tuple[Partition, int | None, int]] = []
        self.kafka = KafkaConsumer(
            self.settings, "test", "group", lambda *move: self.moves.append(move)
        )
        self.assigned: set[Partition] = set()
        self.rebalances = 0
        self.records: list[Record] = []

    async def take(self, *partitions: Partition, at_most: int = 1000) -> None:
        batch = await self.kafka.take(partitions or self.assigned, at_most)
        for records in batch.values():
            self.records += records

    async def until(self, condition: Any, what: str) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await self.take()

    async def on_revoked(self, partitions: set[Partition]) -> None:
        self.assigned -= partitions

    async def on_assigned(self, partitions: set[Partition]) -> None:
        self.assigned = partitions
        self.rebalances += 1

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


@asynccontextmanager
async def member_of(broker: EmbeddedBroker, *topics: str, **settings: Any) -> AsyncIterator[Member]:
    member = Member(broker, **settings)
    await member.kafka.start(topics, member.on_revoked, member.on_assigned)
    try:
        yield member
    finally:
        await member.kafka.stop()


def batch_of(*values: bytes, odd: int | None = None) -> bytearray:
    """A batch as a producer makes it; `odd` says whose header's name is not UTF-8."""
    builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        headers = [(_Name(ODD_NAME), b"v")] if number == odd else []
        builder.append(number, 1_700_000_000_000, b"k", value, headers)
    batch: bytearray = builder.build()
    return batch


async def write_batch(broker: EmbeddedBroker, partition: Partition, batch: bytearray) -> None:
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    try:
        await client.set_topics([partition.topic])
        request = ProduceRequest(
            required_acks=-1,
            timeout=1000,
            topics=[(partition.topic, [(partition.number, bytes(batch))])],
            transactional_id=None,
        )
        leader = client.cluster.leader_for_partition(TopicPartition(*partition))
        response = await client.send(leader, request)
        assert response.topics[0][1][0][1] == 0
    finally:
        await client.close()


async def test_a_group_without_offsets_begins_at_the_earliest_and_says_so(
    broker: EmbeddedBroker,
) -> None:
    for number in range(3):
        await write(broker.bootstrap_servers, "three", b"%d" % number, partition=number)
    await write(broker.bootstrap_servers, "three", b"x", partition=1)
    broker.delete_records("three", 1, 1)
    async with member_of(broker, "three") as member:
        await member.until(lambda: len(member.records) == 3 and len(member.moves) == 3, "all")
    assert sorted(v or b"" for v in member.values) == [b"0", b"2", b"x"]
    assert sorted(member.moves) == [
        (Partition("three", 0), None, 0),
        (Partition("three", 1), None, 1),
        (Partition("three", 2), None, 0),
    ]


async def test_a_partition_without_records_has_a_position_too(broker: EmbeddedBroker) -> None:
    async with member_of(broker, "one") as member:
        await member.until(lambda: member.moves, "the position is known")
        assert member.moves == [(ONE, None, 0)]
        assert member.kafka.highwater(ONE) in (0, None)
        await write(broker.bootstrap_servers, "one", b"0")
        await member.until(lambda: member.records, "the record is taken")
        assert member.kafka.highwater(ONE) == 1
    assert member.moves == [(ONE, None, 0)]
    assert member.kafka.highwater(Partition("one", 7)) is None


async def test_a_committed_position_is_kept(broker: EmbeddedBroker) -> None:
    for value in (b"0", b"1", b"2"):
        await write(broker.bootstrap_servers, "one", value)
    async with member_of(broker, "one") as member:
        await member.until(lambda: len(member.records) == 3, "all are taken")
        await member.kafka.commit({ONE: 2})
    assert await committed(broker.bootstrap_servers, "group", "one", 0) == 2
    async with member_of(broker, "one") as member:
        await member.until(lambda: member.records, "the rest is taken")
        assert member.values == [b"2"]
        assert member.moves == []


async def test_a_log_that_was_deleted_under_the_position_is_a_jump_that_is_told(
    broker: EmbeddedBroker,
) -> None:
    for value in (b"0", b"1", b"2", b"3"):
        await write(broker.bootstrap_servers, "three", value, partition=0)
    async with member_of(broker, "three") as member:
        first = Partition("three", 0)
        await member.until(lambda: len(member.records) == 4, "all are taken")
        await member.kafka.commit({first: 1})
    broker.delete_records("three", 0, 3)
    async with member_of(broker, "three") as member:
        await write(broker.bootstrap_servers, "three", b"other", partition=1)
        await member.until(lambda: len(member.records) == 2, "what is there is taken")
        assert sorted(v or b"" for v in member.values) == [b"3", b"other"]
        assert (first, 1, 3) in member.moves


async def test_only_what_is_eligible_is_taken(broker: EmbeddedBroker) -> None:
    for number in range(3):
        await write(broker.bootstrap_servers, "three", b"%d" % number, partition=number)
    async with member_of(broker, "three") as member:
        async with asyncio.timeout(20):
            while not member.records:
                await member.take(Partition("three", 1))
        for _ in range(3):
            await member.kafka.take((), 1)
            await member.take(Partition("three", 1))
        assert member.values == [b"1"]


async def test_names_of_any_bytes_are_delivered_and_can_be_written_back(
    broker: EmbeddedBroker,
) -> None:
    name = ODD_NAME
    producer = KafkaProducer(
        KafkaSettings(bootstrap_servers=broker.bootstrap_servers), "test", extra_bytes=65536
    )
    await producer.start()
    for number in range(6):
        headers: list[tuple[str, bytes | None]] = [("plain", b"%d" % number)]
        if number in (2, 3):
            headers += [(name, b"\xff"), (name, None)]
        await producer.send("one", b"k" if number % 2 else None, b"%d" % number, headers)
    await producer.stop()
    await write(broker.bootstrap_servers, "three", b"other", partition=0)
    async with member_of(broker, "one", "three") as member:
        await member.until(lambda: len(member.records) == 7, "all are taken")
    ours = [record for record in member.records if record.topic == "one"]
    assert [record.offset for record in ours] == [0, 1, 2, 3, 4, 5]
    assert [record.value for record in ours] == [b"%d" % number for number in range(6)]
    assert [record.key for record in ours] == [None, b"k"] * 3
    odd = [list(record.headers) for record in ours if len(record.headers) > 1]
    assert odd == [[("plain", b"%d" % n), (name, b"\xff"), (name, None)] for n in (2, 3)]
    assert {record.timestamp for record in ours} == {
        record.timestamp for record in ours if record.timestamp > 1_500_000_000_000
    }
    assert not member.kafka.halted


async def test_an_odd_name_in_the_middle_of_a_batch(broker: EmbeddedBroker) -> None:
    await write_batch(broker, ONE, batch_of(b"0", b"1", b"2", odd=1))
    await write(broker.bootstrap_servers, "one", b"3")
    async with member_of(broker, "one") as member:
        await member.until(lambda: len(member.records) == 4, "all are taken")
    assert member.values == [b"0", b"1", b"2", b"3"]
    assert [r.offset for r in member.records] == [0, 1, 2, 3]


async def test_a_damaged_batch_halts_its_partition_loudly_and_no_other(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "HALT_S", 0.5)
    bad = Partition("three", 0)
    await write(broker.bootstrap_servers, "three", b"good", partition=0)
    batch = batch_of(b"bad", b"worse")
    batch[-2] ^= 0xFF
    await write_batch(broker, bad, batch)
    await write(broker.bootstrap_servers, "three", b"after", partition=0)
    async with member_of(broker, "three") as member:
        await member.until(lambda: member.kafka.halted, "the partition is halted")
        assert "checksum" in member.kafka.halted[bad]
        for number in range(5):
            await write(broker.bootstrap_servers, "three", b"%d" % number, partition=1)
            await member.until(lambda n=number: len(member.records) == n + 2, "others go on")
        assert member.values == [b"good", b"0", b"1", b"2", b"3", b"4"]
        assert "three[0] stands still at offset 1: the checksum" in caplog.text
        # Given up by a person, it goes on behind what was deleted.
        broker.delete_records("three", 0, 3)
        await member.until(lambda: member.values[-1] == b"after", "it goes on")
        assert not member.kafka.halted
        assert (bad, 1, 3) in member.moves


async def test_commits_that_are_refused_cause_one_rebalance_each(broker: EmbeddedBroker) -> None:
    async with member_of(broker, "one") as member:
        codes = (ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS)
        for number, code in enumerate(codes, start=1):
            broker.push_errors(ApiKey.OFFSET_COMMIT, code)
            with pytest.raises(CommitError):
                await member.kafka.commit({ONE: 0})
            # What is tried meanwhile is refused here, and makes nothing worse.
            while member.rebalances == number:
                with pytest.raises(CommitError):
                    await member.kafka.commit({ONE: 0})
                await asyncio.sleep(0.01)
            await member.kafka.commit({ONE: number})
        assert member.rebalances == 1 + len(codes)
    assert await committed(broker.bootstrap_servers, "group", "one", 0) == len(codes)


@pytest.mark.parametrize("code", [GROUP_AUTHORIZATION_FAILED, FENCED_INSTANCE_ID])
async def test_a_heartbeat_that_is_refused_for_good_breaks_the_consumer(
    broker: EmbeddedBroker, code: int
) -> None:
    async with member_of(broker, "one") as member:
        broker.push_errors(ApiKey.HEARTBEAT, code)
        with pytest.raises(ConsumerBrokenError, match="group"):
            await member.until(lambda: False, "it breaks")


async def test_a_stopped_consumer_is_broken(broker: EmbeddedBroker) -> None:
    async with member_of(broker, "one") as member:
        await member.take()
    with pytest.raises(ConsumerBrokenError):
        await member.take()


@pytest.mark.parametrize("name", ["_fetch_task", "_sync_task", "_coordination_task"])
async def test_whatever_dies_in_the_background_breaks_the_consumer(
    broker: EmbeddedBroker, name: str
) -> None:
    async with member_of(broker, "one") as member:
        inner = member.kafka._consumer
        owner = next(
            part
            for part in (inner._fetcher, inner._client, inner._coordinator)
            if hasattr(part, name)
        )
        getattr(owner, name).cancel()
        with pytest.raises(ConsumerBrokenError):
            await member.until(lambda: False, "it breaks")


async def test_a_group_that_may_not_be_joined(broker: EmbeddedBroker) -> None:
    broker.push_errors(ApiKey.JOIN_GROUP, GROUP_AUTHORIZATION_FAILED)
    with pytest.raises(StartError, match=r"the group group on .* cannot be joined"):
        async with member_of(broker, "one"):
            raise AssertionError


async def test_aiokafkas_watchdog_is_not_switched_off_by_an_error(broker: EmbeddedBroker) -> None:
    async with member_of(broker, "one") as member:
        await member.until(lambda: member.moves, "there was an error: no committed offset")
        assert member.kafka._consumer._subscription._fetch_count == 0


async def test_stopping_is_bounded_while_brokers_are_away(broker: EmbeddedBroker) -> None:
    async with member_of(broker, "one") as member:
        await member.take()
        broker.set_down(1)
    broker.set_up(1)
    assert not asyncio.all_tasks() - {asyncio.current_task()}

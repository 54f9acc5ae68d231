"""The engine between a Kafka and handlers that a test has in its hands, in virtual time.

`Log` is what Kafka has and what the world has done with it; it outlives processes. `Process` is
one run of the engine with the whole pipeline around its handlers. Both say so at once when
something happens that must not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from axion_gen.runtime import DependencyUnavailable, EmitError, KafkaSettings, PermanentError
from axion_gen.runtime.consumer import Consumer
from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.handling import pipeline
from axion_gen.runtime.headers import RawHeaders
from axion_gen.runtime.interceptors.dead_letter import DeadLetter, DeadLettered
from axion_gen.runtime.interceptors.idempotency import Idempotency
from axion_gen.runtime.interceptors.outage import Held, Outage
from axion_gen.runtime.interceptors.retry import Retry
from axion_gen.runtime.interceptors.slots import Places, Slots
from axion_gen.runtime.kafka import (
    CommitError,
    ConsumerBrokenError,
    KafkaConsumer,
    Moved,
    Partition,
)
from axion_gen.runtime.statistics import Statistics
from axion_gen.runtime.stores import MemoryStore
from axion_gen.runtime.testing.memory import MemoryRecord

from .items import READINGS
from .virtual import VirtualLoop

TOPIC = READINGS.address
PARTITIONS = tuple(Partition(TOPIC, number) for number in range(3))
HANDLERS = 3
IN_FLIGHT = 7
IN_FLIGHT_PER_PARTITION = 5

Place = tuple[Partition, int]
Ending = Literal["well", "temporary", "permanent", "outage"]
ERRORS: dict[str, type[Exception]] = {
    "temporary": ConnectionError,
    "permanent": PermanentError,
    "outage": DependencyUnavailable,
}


@dataclass
class Log:
    """The partitions, what is committed of them, and what is done."""

    records: dict[Partition, list[MemoryRecord]] = field(
        default_factory=lambda: {partition: [] for partition in PARTITIONS}
    )
    begins: dict[Partition, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    """The first offset that there still is."""
    ends: dict[Partition, int] = field(default_factory=lambda: dict.fromkeys(PARTITIONS, 0))
    committed: dict[Partition, int] = field(default_factory=dict)
    processed: set[Place] = field(default_factory=set)
    """Handled, or in a dead letter that is acknowledged."""
    faults: list[str] = field(default_factory=list)
    """What happened that must not: raised here, it would be taken for a handler's failure."""

    def write(self, partition: Partition, key: bytes | None, gap: int) -> None:
        """Add a record, behind a gap in the offsets."""
        offset = self.ends[partition] + gap
        self.ends[partition] = offset + 1
        self.records[partition].append(
            MemoryRecord(TOPIC, partition.number, offset, 0, key, b'{"value": 1}', ())
        )

    def between(self, partition: Partition, begin: int, end: int) -> list[MemoryRecord]:
        begin = max(begin, self.begins[partition])
        return [record for record in self.records[partition] if begin <= record.offset < end]

    def commit(self, partition: Partition, position: int) -> None:
        """Take an offset, if all before it is processed, or was deleted before it was read."""
        for record in self.between(partition, self.committed.get(partition, 0), position):
            self.must((partition, record.offset) in self.processed, f"{record} is not processed")
        self.must(position <= self.ends[partition], f"nothing was ever read at {position}")
        self.committed[partition] = position

    def must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)

    @property
    def open(self) -> list[Place]:
        """What is neither processed nor deleted, or not committed."""
        return [
            (partition, record.offset)
            for partition in PARTITIONS
            for record in self.between(
                partition, self.committed.get(partition, 0), self.ends[partition]
            )
        ]


class FakeKafka:
    """What the engine sees of Kafka: a `KafkaConsumer`."""

    def __init__(self, log: Log, process: "Process", moved: Moved) -> None:
        self.log = log
        self.process = process
        self.moved = moved
        self.positions: dict[Partition, int | None] = {}
        """Of what is assigned; none where the group has committed nothing."""
        self.revoking: set[Partition] = set()
        self.broken = False
        self.joined = asyncio.Event()
        """Not set while a rebalance is under way."""

    async def start(
        self,
        topics: Iterable[str],
        revoked: Callable[[set[Partition]], Awaitable[None]],
        assigned: Callable[[set[Partition]], Awaitable[None]],
    ) -> None:
        self.revoked, self.assigned = revoked, assigned
        await self.assign(self.process.share)

    async def stop(self) -> None:
        self.positions.clear()

    def highwater(self, partition: Partition) -> int:
        return self.log.ends[partition]

    def position(self, partition: Partition) -> int | None:
        return self.positions.get(partition)

    async def assign(self, partitions: set[Partition]) -> None:
        self.positions = {place: self.log.committed.get(place) for place in partitions}
        await self.assigned(set(partitions))
        self.joined.set()

    async def revoke(self) -> None:
        self.joined.clear()
        self.revoking, self.positions = set(self.positions), {}
        await self.revoked(set(self.revoking))
        self.revoking = set()

    async def take(
        self, eligible: Iterable[Partition], at_most: int
    ) -> Mapping[Partition, list[MemoryRecord]]:
        wanted = list(eligible)
        free = len(self.process.running) < HANDLERS
        self.log.must(free or not wanted, "more is taken while no handler is free")
        for step in range(2):  # a fetch waits for records, for so long
            await self.joined.wait()
            if self.broken:
                raise ConsumerBrokenError("heartbeats ended")
            batch = self._batch(wanted, at_most)
            if batch or step:
                break
            await asyncio.sleep(0.1)
        return batch

    def _batch(self, wanted: list[Partition], at_most: int) -> dict[Partition, list[MemoryRecord]]:
        left = min(at_most, self.process.chunk)
        batch: dict[Partition, list[MemoryRecord]] = {}
        for partition in wanted:
            if partition not in self.positions:
                continue
            position = self.positions[partition]
            if position is None or position < self.log.begins[partition]:
                earliest = self.log.begins[partition]
                self.moved(partition, position, earliest)
                position = earliest
            found = self.log.between(partition, position, self.log.ends[partition])[:left]
            left -= len(found)
            if found:
                self.positions[partition] = found[-1].offset + 1
            else:  # what is left is no record, as a transaction's marker
                self.positions[partition] = self.log.ends[partition] if left else position
            if found:
                batch[partition] = found
        return batch

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        await asyncio.sleep(0)
        if self.process.commits_fail:
            raise CommitError("refused")
        for partition, position in positions.items():
            ours = partition in self.positions or partition in self.revoking
            self.log.must(ours, f"{partition} is committed, and is not this member's any more")
            self.log.commit(partition, position)


@dataclass(eq=False)
class Run:
    """A call of the handler."""

    place: Place
    key: bytes | None
    end: "asyncio.Future[Ending]"


class Process:
    """The engine, from its start to its end."""

    def __init__(self, log: Log, ordering: Literal["key", "partition"], chunk: int) -> None:
        self.log = log
        self.ordering = ordering
        self.chunk = chunk
        """How many records a fetch brings at most."""
        self.share = set(PARTITIONS)
        self.commits_fail = False
        self.letters_fail = False
        self.dead = False
        self.running: list[Run] = []
        self.marked: set[Place] = set()
        """What this process has processed itself: its store knows."""
        self.kafka: FakeKafka
        self.loop = VirtualLoop()
        settings = KafkaSettings(
            max_concurrent_handlers=HANDLERS,
            max_in_flight=IN_FLIGHT,
            max_in_flight_per_partition=IN_FLIGHT_PER_PARTITION,
            ordering=ordering,
        )
        self.loop.run(self._start(settings))

    async def _start(self, settings: KafkaSettings) -> None:
        def connect(moved: Moved) -> KafkaConsumer:
            self.kafka = FakeKafka(self.log, self, moved)
            return cast("KafkaConsumer", self.kafka)

        held = Held()
        self.engine = engine = Consumer(
            connect, {TOPIC: READINGS}, settings, Statistics(), held, "items-replay"
        )
        store = MemoryStore()
        await engine.start(
            pipeline(
                Idempotency(store, engine.pause),
                DeadLetter(self, "items", "items-group", engine.pause, self._told),
                Outage(held, (), engine.pause, engine.changed),
                Retry(3, 0.1, engine.pause),
                Slots(Places(HANDLERS), 0),
                store.transact,
                self._handle,
            )
        )

    # The boundary

    async def _handle(self, delivery: Delivery) -> None:
        if self.dead:
            raise asyncio.CancelledError
        record = delivery.record
        partition = Partition(record.topic, record.partition)
        run = Run((partition, record.offset), record.key, asyncio.Future())
        self._check(run, partition)
        self.running.append(run)
        try:
            ending = await run.end
        finally:
            self.running.remove(run)
        if ending != "well":
            raise ERRORS[ending]
        self._processed(run.place)

    def _check(self, run: Run, partition: Partition) -> None:
        must = self.log.must
        must(run.place not in self.marked, f"{run} comes again to the process that has done it")
        for other in self.running:
            same_key = other.key == run.key is not None or self.ordering == "partition"
            together = other.place == run.place or (other.place[0] == partition and same_key)
            must(not together, f"{run} begins while {other} is running")
        for record in self.log.between(
            partition, self.log.committed.get(partition, 0), run.place[1]
        ):
            if record.key == run.key is not None or self.ordering == "partition":
                before = (partition, record.offset)
                must(before in self.log.processed, f"{run} begins before {before} is processed")

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """The dead letter topic."""
        await asyncio.sleep(0)
        if self.letters_fail:
            raise EmitError("the topic cannot be written")
        said = dict(headers)
        partition, offset = (int(said[f"x-dlq-{name}"] or b"") for name in ("partition", "offset"))
        self._processed((Partition(TOPIC, partition), offset))

    async def _told(self, letter: DeadLettered) -> None: ...

    def _processed(self, place: Place) -> None:
        self.log.processed.add(place)
        self.marked.add(place)

    # What a test does with it

    def pass_time(self, seconds: float = 0.001) -> None:
        self.loop.run(asyncio.sleep(seconds))

    def end(self, run: Run, how: Ending) -> None:
        run.end.set_result(how)
        self.pass_time()

    def check(self) -> None:
        """What must hold at any time."""
        assert not self.log.faults
        assert len(self.running) <= HANDLERS
        assert self.engine.in_flight <= IN_FLIGHT
        for assignment in self.engine.assignments.values():
            assert assignment.tracker.in_flight <= IN_FLIGHT_PER_PARTITION
        for task in self.engine._tasks:
            assert not task.done(), "poll and commit tasks go on"

    def stop(self) -> None:
        """As on SIGTERM."""
        self.loop.run(self.engine.stop())
        self.kill()

    def kill(self) -> None:
        """As by SIGKILL."""
        self.dead = True
        self.loop.end()

"""Partitions for as long as this instance has them, and how much may be taken of them."""

import asyncio
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from .addresses import family
from .contract import Topic
from .headers import Record
from .kafka import Partition
from .offsets import OffsetTracker
from .queues import Lane
from .settings import KafkaSettings
from .statistics import Statistics, TopicStatistics

AT_ONCE: Final = 128
"""How many records are taken at once: few enough to lie in a processor's cache until handled."""
GREED: Final = 4
"""A partition that has so many times as much in flight as is free takes no more."""


def _future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False, slots=True)
class Assignment:
    """A partition for as long as this instance has it.

    Each assignment has a state of its own, so what ends after the partition was revoked
    changes nothing that is committed.
    """

    partition: Partition
    topic: Topic
    statistics: TopicStatistics
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    replayed: bool = False
    """Whether its records come over the replay topic."""
    running: int = 0
    """How many of its records are with a worker."""
    committed: int | None = None
    ending: "asyncio.Future[None]" = field(default_factory=_future)
    """Done when the partition is to be given back: what runs may finish, and nobody waits
    for long."""
    ended: bool = False
    """It has been given back: what still runs is another member's by now."""

    def end(self) -> None:
        """Begin to give it back."""
        if not self.ending.done():
            self.ending.set_result(None)


PartitionLane = Lane[Assignment, Record]
"""The queues of a partition, over all its assignments.

So a handler that outlives its assignment still holds its key if the partition comes back.
"""


class Assignments:
    """The partitions that this instance has, and the limits of what it takes of them."""

    def __init__(
        self,
        topics: Mapping[str, Topic],
        replay: str,
        settings: KafkaSettings,
        statistics: Statistics,
    ) -> None:
        self.now: dict[Partition, Assignment] = {}
        """What is assigned at present."""
        self._lanes: dict[Partition, PartitionLane] = {}
        self._topics = topics
        self._replay = replay
        self._settings = settings
        self._statistics = statistics

    def give(self, partitions: set[Partition]) -> None:
        """Have these partitions, and begin anew with each of them."""
        self.now = {partition: self._given(partition) for partition in sorted(partitions)}
        for partition, assignment in self.now.items():
            self._lanes.setdefault(partition, Lane(assignment)).owner = assignment

    def _given(self, partition: Partition) -> Assignment:
        topic = self._topics[partition.topic]
        statistics = self._statistics.topic(family(partition.topic, topic))
        replayed = partition.topic == self._replay
        return Assignment(partition, topic, statistics, replayed=replayed)

    def take_back(self, partitions: set[Partition]) -> list[Assignment]:
        """Have these partitions no longer; returns those that there were."""
        return [self.now.pop(partition) for partition in partitions if partition in self.now]

    def lanes(self, assignments: Iterable[Assignment]) -> set[PartitionLane]:
        """The queues of their partitions."""
        lanes = {assignment: self._lanes[assignment.partition] for assignment in assignments}
        return {lane for assignment, lane in lanes.items() if lane.owner is assignment}

    def note(
        self, batch: Mapping[Partition, list[Record]]
    ) -> Iterator[tuple[PartitionLane, Iterable[Hashable], list[Record]]]:
        """Note what was taken; yields the records of each partition, and their keys.

        What is not assigned any more is left to whoever reads it next.
        """
        by_key = self._settings.ordering == "key"
        for partition, records in batch.items():
            assignment = self.now.get(partition)
            if assignment is None:
                continue
            assignment.statistics.received += len(records)
            assignment.tracker.take(records)
            lane = self._lanes[partition]
            keys: Iterable[Hashable] = repeat(None)
            if by_key:
                # No key, no order: a queue of its own for each such record.
                keys = [r.offset if r.key is None else r.key for r in records]
            yield lane, keys, records

    @property
    def in_flight(self) -> int:
        """How many records are taken and not finished."""
        return sum(assignment.tracker.in_flight for assignment in self.now.values())

    @property
    def at_most(self) -> int:
        """How many records to take at once; 1 at least."""
        half = _half(self._settings.max_in_flight_per_partition)
        # Half of what is free at most: some is left for the other partitions.
        return max(1, min(AT_ONCE, half, _half(self._free)))

    def eligible(self) -> list[Partition]:
        """Of which partitions to take, as far as the limits go."""
        free = self._free
        if free <= 0:
            return []
        # Half of a partition's limit is taken at once, while the other half is free.
        most = min(self._settings.max_in_flight_per_partition // 2, GREED * free)
        return [
            partition
            for partition, assignment in self.now.items()
            if assignment.tracker.in_flight <= most
        ]

    @property
    def _free(self) -> int:
        """How many records may be taken over all partitions."""
        return self._settings.max_in_flight - self.in_flight


def _half(count: int) -> int:
    return (count + 1) // 2

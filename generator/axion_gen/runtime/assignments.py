"""Partitions for as long as this instance has them, and what outlives that."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from .contract import Topic
from .kafka import Partition
from .offsets import OffsetTracker
from .statistics import TopicStatistics


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


@dataclass(eq=False, slots=True)
class Lane:
    """What the queues of a partition have in common, over all its assignments.

    So a handler that outlives its assignment still holds its key if the partition comes back.
    """

    assignment: Assignment


Queue = tuple[Lane, Hashable]

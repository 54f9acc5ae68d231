"""Marks in memory: for development and tests."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from ..client import Client, Transport
from ..delivery import Delivery, Handle
from ..headers import ID_INDEX, raw_message_id
from .base import Begun
from .marks import warn_of_topic_made_again

NEW: Final = Begun()
PROCESSED: Final = Begun(processed=True)


class _Marks:
    """A partition's marks by offset, in two generations."""

    __slots__ = ("old", "young")

    def __init__(self) -> None:
        self.young: dict[int, int] = {}
        self.old: dict[int, int] = {}


class MemoryStore:
    """Keeps `size` marks at most, and the youngest half of them always.

    It is empty after a restart, so a record that was finished and not yet committed when
    the process died is handled twice. In memory topic, partition and offset are a key as
    they are, and of message id and timestamp a hash of 61 bits is kept: a wrong one would
    matter only where the topic was made again, and then one time in 10^18.
    """

    retention_s: float | None = None
    outages: tuple[type[Exception], ...] = ()

    def __init__(self, size: int = 100_000) -> None:
        # When the young generation has half of the marks, the old one is forgotten.
        self._half = max(size // 2, 1)
        # By topic, then by partition: a pair would be made, and hashed, for each message.
        self._topics: defaultdict[str, defaultdict[int, _Marks]] = defaultdict(
            lambda: defaultdict(_Marks)
        )
        self._new = 0
        """How many are in the young generation."""

    async def start(self, service: str, group: str, client: Callable[[Transport], Client]) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    def begin(self, delivery: Delivery) -> Begun:
        """Whether there is a mark."""
        record = delivery.record
        marks, offset = self._topics[record.topic][record.partition], record.offset
        known = marks.young.get(offset)
        if known is None:
            known = marks.old.get(offset)
            if known is None:
                return NEW
        if known == hash((raw_message_id(record), record.timestamp)):
            return PROCESSED
        warn_of_topic_made_again(delivery)
        return NEW

    def transact(self, following: Handle) -> Handle:
        """No transactions here."""
        return following

    def end(self, delivery: Delivery) -> None:
        """Keep a mark, and forget the oldest ones if there are too many."""
        record = delivery.record
        # Of headers in order it is known where the id is.
        message_id = record.headers[ID_INDEX][1] if delivery.in_order else raw_message_id(record)
        mark = hash((message_id, record.timestamp))
        self._topics[record.topic][record.partition].young[record.offset] = mark
        self._new += 1
        if self._new >= self._half:
            self._grow_old()

    def _grow_old(self) -> None:
        self._new = 0
        for partitions in self._topics.values():
            for partition, marks in list(partitions.items()):
                marks.old, marks.young = marks.young, {}
                if not marks.old:  # it has gone to another instance
                    del partitions[partition]

    async def abandon(self, delivery: Delivery) -> None:
        """Nothing was noted."""

"""Marks in memory: for development and tests."""

from collections.abc import Callable
from typing import Final

from ..client import Client, Transport
from ..delivery import Delivery, Handle
from ..headers import ID_INDEX, raw_message_id
from .base import Begun
from .marks import warn_of_topic_made_again

NEW: Final = Begun()
PROCESSED: Final = Begun(processed=True)

Place = tuple[str, int, int]
Mark = tuple[bytes | None, int]


class MemoryStore:
    """Keeps `size` marks at most, and the youngest half of them always.

    It is empty after a restart, so a record that was finished and not yet committed when
    the process died is handled twice. In memory topic, partition and offset are a key as
    they are; hashing them here as well would cost more than the whole look-up.
    """

    retention_s: float | None = None
    outages: tuple[type[Exception], ...] = ()

    def __init__(self, size: int = 100_000) -> None:
        # Two generations: when the young one has half of the marks, the old one is forgotten.
        self._half = max(size // 2, 1)
        self._young: dict[Place, Mark] = {}
        self._old: dict[Place, Mark] = {}

    async def start(self, service: str, group: str, client: Callable[[Transport], Client]) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    def begin(self, delivery: Delivery) -> Begun:
        """Whether there is a mark."""
        record = delivery.record
        place = (record.topic, record.partition, record.offset)
        known = self._young.get(place) or self._old.get(place)
        if known is None:
            return NEW
        if known == (raw_message_id(record), record.timestamp):
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
        in_order = delivery.lines is not None
        message_id = record.headers[ID_INDEX][1] if in_order else raw_message_id(record)
        place = (record.topic, record.partition, record.offset)
        self._young[place] = (message_id, record.timestamp)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}

    async def abandon(self, delivery: Delivery) -> None:
        """Nothing was noted."""

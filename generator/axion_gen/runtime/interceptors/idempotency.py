"""A record that has been processed is not processed again (standard, section 6)."""

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from ..delivery import Delivery, Handle
from ..headers import message_id_of
from ..identifiers import idempotency_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of a processed record."""

    message_id: str
    timestamp: int
    """The record's own timestamp, in Unix milliseconds."""


class Store(Protocol):
    """Keeps the marks of one consumer group."""

    async def get(self, key: str) -> Mark | None:
        """The mark under an idempotency key, if there is one."""

    async def put(self, key: str, mark: Mark) -> None:
        """Keep a mark, in place of an older one."""


class MemoryStore:
    """Marks in memory, the oldest forgotten first: for development and tests.

    It is empty after a restart, so a record that was finished and not yet committed when
    the process died is handled twice.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._marks: OrderedDict[str, Mark] = OrderedDict()

    async def get(self, key: str) -> Mark | None:
        """The mark under a key."""
        return self._marks.get(key)

    async def put(self, key: str, mark: Mark) -> None:
        """Keep a mark, and forget the oldest one if there are too many."""
        self._marks[key] = mark
        if len(self._marks) > self._size:
            self._marks.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Skips what bears a mark, and marks what comes to its end: handled or dead-lettered."""

    store: Store

    def wrap(self, following: Handle) -> Handle:
        """Handle a delivery once."""
        store = self.store

        async def handle(delivery: Delivery) -> None:
            record = delivery.record
            key = idempotency_key(record.topic, record.partition, record.offset)
            mark = Mark(message_id_of(record), record.timestamp)
            known = await store.get(key)
            if known == mark:
                logger.info("%s: already processed, skipped", delivery.place)
                return
            if known is not None:
                # The topic was deleted and made again: this is another record.
                logger.warning("%s: the offset was used before; was it recreated?", delivery.place)
            await following(delivery)
            await store.put(key, mark)

        return handle

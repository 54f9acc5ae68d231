"""Reads a whole topic, or what is added to it, outside of any consumer group."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself

import asyncio
import time
from typing import Any, Self

from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    TopicPartition,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from ..errors import BusError
from ..headers import Record
from ..settings import KafkaSettings
from .connection import Client, connection
from .consumer import FETCH_WAIT_MS
from .damage import Damage
from .security import describe

AT_ONCE = 500
"""How many records are taken at once."""
STOP_TIMEOUT_S = 5.0


class ReadError(BusError):
    """A topic cannot be read; a new reader may be able to."""


class KafkaReader:
    """One reading of a topic: what it has, then what is added. Commits nothing."""

    def __init__(
        self, settings: KafkaSettings, client_id: str, topic: str, *, at_end: bool = False
    ) -> None:
        """From the beginning, or `at_end`: what is added once it has been entered."""
        self._settings = settings
        self._at_end = at_end
        self._topic = topic
        self._ends: dict[TopicPartition, int] = {}
        """Where the topic ended at the beginning, for partitions not read so far yet."""
        self._moved_at = time.monotonic()
        self._consumer: Any = AIOKafkaConsumer(
            topic,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            **connection(settings, client_id),
        )
        self._client: Client = self._consumer._client
        Client.improve(self._client)
        self._damage = Damage(self._consumer)

    async def __aenter__(self) -> Self:
        """Connect, and see where the topic ends now.

        Raises:
            ReadError: no broker answers within `KAFKA_REQUEST_TIMEOUT_S`, or they refuse.
        """
        consumer = self._consumer
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await consumer.start()
                self._damage.watch()
                self._ends = await consumer.end_offsets(consumer.assignment())
                if self._at_end:
                    for partition, end in self._ends.items():
                        consumer.seek(partition, end)
                    self._ends = {}
        except BaseException as error:
            await self._stop()
            if isinstance(error, KafkaError | TimeoutError):
                faults = self._client.faults or [error]
                raise self._error(describe(faults, self._settings)) from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def take(self) -> list[Record]:
        """The next records; none when there are none for a moment.

        Raises:
            ReadError: the brokers refuse, or a record is damaged.
        """
        # What has been fetched already is given without a pause; the others have their turn.
        await asyncio.sleep(0)
        try:
            if self._damage.found:
                batch = await self._damage.read()
            else:
                batch = await self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=AT_ONCE)
        except KafkaError as error:
            raise self._error(repr(error)) from error
        for place, halt in self._damage.halts.items():
            raise self._error(f"partition {place.number} at offset {halt.offset}: {halt.reason}")
        if batch:
            self._moved_at = time.monotonic()
        return [record for records in batch.values() for record in records]

    async def caught_up(self) -> bool:
        """Whether all that was there at the beginning has been taken.

        Raises:
            ReadError: it has not, and nothing has come for `KAFKA_REQUEST_TIMEOUT_S`.
        """
        limit = self._settings.request_timeout_s
        try:
            async with asyncio.timeout(limit):
                for partition, end in list(self._ends.items()):
                    if end and await self._consumer.position(partition) < end:
                        break
                    del self._ends[partition]
        except TimeoutError:
            raise self._error("no broker answers") from None
        if self._ends and time.monotonic() - self._moved_at > limit:
            raise self._error(f"nothing has come for {limit:g} s")
        return not self._ends

    def _error(self, reason: str) -> ReadError:
        return ReadError(f"{self._topic} cannot be read: {reason}")

    async def _stop(self) -> None:
        stopping = asyncio.create_task(self._consumer.stop(), name="kafka reader stop")
        await asyncio.wait((stopping,), timeout=STOP_TIMEOUT_S)
        stopping.cancel()
        if stopping.done() and not stopping.cancelled():
            stopping.exception()  # it is of no use any more, however it ended

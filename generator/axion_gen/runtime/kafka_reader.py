"""Reads a whole topic from its beginning, outside of any consumer group."""

import asyncio
from contextlib import suppress
from typing import Any, Self

from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    TopicPartition,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from .errors import BusError
from .headers import Record
from .kafka import FETCH_WAIT_MS
from .settings import KafkaSettings

_AT_ONCE = 500
"""How many records are taken at once."""


class ReadError(BusError):
    """A topic cannot be read; a new reader may be able to."""


class KafkaReader:
    """One reading of a topic: what it has, then what is added. Commits nothing."""

    def __init__(self, settings: KafkaSettings, client_id: str, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._ends: dict[TopicPartition, int] = {}
        self._consumer: Any = AIOKafkaConsumer(
            topic,
            bootstrap_servers=settings.bootstrap_servers,
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=round(1000 * settings.request_timeout_s),
        )

    async def __aenter__(self) -> Self:
        """Connect, and see where the topic ends now; `ReadError` if that takes too long."""
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                await self._consumer.start()
                self._ends = await self._consumer.end_offsets(self._consumer.assignment())
        except BaseException as error:
            await self._stop()
            if isinstance(error, KafkaError | TimeoutError):
                raise ReadError(f"{self._topic} cannot be read: {error!r}") from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def take(self) -> list[Record]:
        """The next records; none when there are none for a moment.

        Raises:
            ReadError: the brokers refused, or a record is damaged.
        """
        # What has been fetched already is given without a pause; the others have their turn.
        await asyncio.sleep(0)
        try:
            batch = await self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=_AT_ONCE)
        except (KafkaError, UnicodeDecodeError) as error:
            raise ReadError(f"{self._topic} cannot be read: {error!r}") from error
        return [record for records in batch.values() for record in records]

    async def caught_up(self) -> bool:
        """Whether all that was there at the beginning has been taken.

        Raises:
            ReadError: the brokers do not say where the reading stands.
        """
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                for partition, end in list(self._ends.items()):
                    if end and await self._consumer.position(partition) < end:
                        return False
                    del self._ends[partition]
        except TimeoutError:
            raise ReadError(f"{self._topic} cannot be read: no broker answers") from None
        return True

    async def _stop(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), self._settings.request_timeout_s)

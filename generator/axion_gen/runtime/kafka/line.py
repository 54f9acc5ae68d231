"""One producer of aiokafka's, from its start to its end; it may be replaced by another."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # ships no types
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    DefaultRecordBatchBuilder,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]  # ships no types

from ..errors import RecordTooLargeError
from ..settings import KafkaSettings
from .batches import Accumulator, Headers, UndeliveredError, size_of
from .connection import Client, connection

PATIENCE_S = 3600.0
"""Those who wait for room have limits of their own."""
GOODBYE_S = 1.0
"""How long each step of an end may take that is not in order."""


class Line:
    """An idempotent producer, with its batches and connections.

    `broken` is called, with what happened, when it can no longer be used.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        client_id: str,
        limit: int,
        broken: Callable[["Line", object], None],
    ) -> None:
        self._producer: Any = AIOKafkaProducer(
            acks="all", enable_idempotence=True, **connection(settings, client_id)
        )
        self._limit = limit
        self._broken = broken
        self._places: dict[str, dict[int, Any]] = {}
        """The partitions of the topics that were sent to."""
        self.client: Client = self._producer.client
        Client.improve(self.client)
        self._accumulator: Accumulator = self._producer._message_accumulator
        Accumulator.improve(self._accumulator, lambda error: broken(self, error))

    async def start(self, timeout: float) -> None:
        """Connect, and be given a producer id.

        Raises:
            KafkaError: no broker answers, or none takes an idempotent producer.
            TimeoutError: it takes too long.
        """
        async with asyncio.timeout(timeout):
            await self._producer.start()

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> "asyncio.Future[Any] | None":
        """Put a record into a batch at once; None if it would have to wait.

        Raises:
            RecordTooLargeError: it is larger than this producer takes.
        """
        accumulator = self._accumulator
        if accumulator._exception is not None:
            self._broken(self, accumulator._exception)
            return None
        partitions = self.client.cluster._partitions.get(topic)
        if not partitions or accumulator._closed:
            return None
        try:
            size = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
        except UnicodeEncodeError:
            return None  # a name of any bytes: it needs a batch of its own
        if size > self._limit:
            raise _too_large(topic, size, self._limit)
        number = _choose(partitions, key)
        places = self._places.get(topic)
        if places is None or number not in places:
            places = self._places[topic] = {n: TopicPartition(topic, n) for n in partitions}
        return accumulator.append(places[number], key, value, headers)

    def misses(self, topic: str, since: float) -> bool:
        """Whether the brokers have answered since a time, in Unix seconds, without the topic."""
        cluster = self.client.cluster
        answered = cluster._last_successful_refresh_ms > 1000 * since
        return answered and not cluster._partitions.get(topic)

    async def append_patiently(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        *,
        alone: bool,
    ) -> "asyncio.Future[Any]":
        """Put a record into a batch once that is possible; `alone`, with no other in it.

        Raises:
            RecordTooLargeError: it is larger than this producer takes.
            KafkaError: the topic is not there, may not be written, or the producer is broken.
        """
        await self.client._wait_on_metadata(topic)
        size = size_of(key, value, headers)
        if size > self._limit:
            raise _too_large(topic, size, self._limit)
        partition = TopicPartition(topic, _choose(self.client.cluster._partitions[topic], key))
        if not alone:
            with suppress(UnicodeEncodeError):
                for name, _ in headers:
                    name.encode()
                future: asyncio.Future[Any] = await self._accumulator.add_message(
                    partition, key, value, PATIENCE_S, headers=headers
                )
                return future
        return await self._accumulator.append_alone(partition, key, value, headers)

    async def flush(self, timeout: float) -> int:
        """Wait for what is under way, and say how many batches are still so."""
        batches = self._accumulator.under_way()
        if not batches:
            return 0
        _, pending = await asyncio.wait(batches, timeout=timeout)
        return len(pending)

    async def abandon(self) -> None:
        """Close every connection. What is under way has ended for its senders, fate unknown."""
        self._producer._closed = True
        sender = self._producer._sender.sender_task
        if sender is not None and not sender.done():
            sender.cancel()
            # It would wait for answers, and for brokers to come back: the second time it is
            # torn out of that.
            await asyncio.wait((sender,), timeout=GOODBYE_S)
            if not sender.done():
                sender.cancel()
                await asyncio.wait((sender,), timeout=GOODBYE_S)
        self._accumulator.fail_all(UndeliveredError("the producer was closed", unknown=True))
        closing = asyncio.create_task(self.client.close())
        await asyncio.wait((closing,), timeout=GOODBYE_S)
        closing.cancel()


def _too_large(topic: str, size: int, limit: int) -> RecordTooLargeError:
    return RecordTooLargeError(f"a record of {size} bytes for {topic}: at most {limit} are sent")


def _choose(partitions: dict[int, Any], key: bytes | None) -> int:
    """The partition for a key, the one that Kafka's own clients choose; without a key, any."""
    if key is not None:
        return _murmur2(key) % len(partitions)
    led = [number for number, metadata in partitions.items() if metadata.leader != -1]
    return random.choice(led or list(partitions))  # noqa: S311 - nothing depends on it


def _murmur2(data: bytes) -> int:
    """Kafka's hash of a key, 31 bits. aiokafka's is the same, and takes four times as long."""
    size = len(data)
    hashed = 0x9747B28C ^ size
    for word in struct.unpack_from(f"<{size >> 2}I", data):
        word = word * 0x5BD1E995 & 0xFFFFFFFF
        hashed = (hashed * 0x5BD1E995 ^ (word ^ word >> 24) * 0x5BD1E995) & 0xFFFFFFFF
    if rest := data[size & ~3 :]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    hashed = (hashed ^ hashed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return (hashed ^ hashed >> 15) & 0x7FFFFFFF

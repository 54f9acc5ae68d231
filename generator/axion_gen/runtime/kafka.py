"""Kafka, as the rest of the runtime sees it: the only module that knows aiokafka.

aiokafka ships no types, so everything behind these classes is untyped and stays here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # ships no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

# aiokafka declares its listener's methods as plain functions, and awaits what they return.
# pyright: reportIncompatibleMethodOverride=false
from .errors import EmitError, StartError
from .headers import RawHeaders, Record
from .settings import KafkaSettings

logger = logging.getLogger(__name__)

FETCH_WAIT_MS = 100
"""How long a fetch waits for records; also how soon a partition that has room is asked again."""
POLL_INTERVAL_S = 300
"""The group drops a member that has not polled for so long."""
MAX_RECORD_BYTES = 1024 * 1024
"""Kafka's own default limit of a record."""


class Partition(NamedTuple):
    """A partition of a topic, by the topic's name on Kafka."""

    topic: str
    number: int


async def require_topics(settings: KafkaSettings, client_id: str, needed: Iterable[str]) -> None:
    """Wait for the brokers, then see that topics exist; none is ever created by accident.

    Raises:
        StartError: no broker answers within `KAFKA_START_TIMEOUT_S`, or topics are missing.
    """
    deadline = asyncio.get_running_loop().time() + settings.start_timeout_s
    while True:
        client = AIOKafkaClient(
            bootstrap_servers=settings.bootstrap_servers,
            client_id=client_id,
            request_timeout_ms=round(1000 * settings.request_timeout_s),
        )
        try:
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
            existing = set(cluster.topics(exclude_internal_topics=False))
        except ValueError as error:  # how aiokafka says that an address is none
            raise StartError(
                f"KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers!r} is wrong: {error}"
            ) from None
        except KafkaError:
            if asyncio.get_running_loop().time() >= deadline:
                raise StartError(
                    f"no Kafka broker answers at {settings.bootstrap_servers}"
                    f" (tried for {settings.start_timeout_s:g} s):"
                    " start one, or set KAFKA_BOOTSTRAP_SERVERS"
                ) from None
        else:
            break
        finally:
            await client.close()
        await asyncio.sleep(min(1.0, settings.start_timeout_s))
    missing = sorted(set(needed) - existing)
    if missing:
        raise StartError(
            f"topics are missing on {settings.bootstrap_servers}: {', '.join(missing)};"
            " create them, for services create none"
        )


class KafkaProducer:
    """An idempotent producer that returns when all replicas in sync have the record."""

    def __init__(self, settings: KafkaSettings, client_id: str, *, extra_bytes: int = 0) -> None:
        self._timeout = settings.emit_timeout_s
        self._drain = settings.drain_timeout_s
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_RECORD_BYTES + extra_bytes,
            request_timeout_ms=round(1000 * settings.request_timeout_s),
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Flush what is under way, within the drain's time: brokers may be away."""
        try:
            await asyncio.wait_for(self._producer.stop(), self._drain)
        except TimeoutError:
            logger.error("the producer could not be flushed within %g s", self._drain)

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders
    ) -> None:
        """Write a record; return once it is acknowledged.

        Raises:
            EmitError: Kafka refused it, or (`unknown`) did not answer in time.
        """
        sending = asyncio.ensure_future(self._send(topic, key, value, list(headers)))
        # A cancelled send is written all the same, so it is left to itself, never cancelled.
        done, _ = await asyncio.wait((sending,), timeout=self._timeout)
        if not done:
            sending.add_done_callback(_note_late_end)
            raise EmitError(
                f"no acknowledgement from {topic} within {self._timeout:g} s: the record may"
                " have arrived or may still arrive",
                unknown=True,
            )
        error = sending.exception()
        if error is not None:
            raise EmitError(f"{topic} did not take the record: {error!r}") from error

    async def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
    ) -> None:
        if key is None and value is None:  # `send` refuses it; a batch takes it
            partitions = await self._producer.partitions_for(topic)
            batch = self._producer.create_batch()
            batch.append(key=None, value=None, timestamp=None, headers=headers)
            acknowledged = await self._producer.send_batch(batch, topic, partition=min(partitions))
        else:
            acknowledged = await self._producer.send(topic, value, key=key, headers=headers)
        await acknowledged


def _note_late_end(sending: asyncio.Future[None]) -> None:
    if not sending.cancelled() and sending.exception() is not None:
        logger.warning("a record whose fate was unknown did not arrive: %r", sending.exception())


class KafkaConsumer:
    """A member of a consumer group, for one poll task."""

    def __init__(self, settings: KafkaSettings, client_id: str, group: str, moved: "Moved") -> None:
        self._settings = settings
        self._moved = moved
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            client_id=client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=round(1000 * settings.session_timeout_s),
            heartbeat_interval_ms=round(1000 * settings.session_timeout_s / 10),
            max_poll_interval_ms=1000 * POLL_INTERVAL_S,
            rebalance_timeout_ms=round(1000 * settings.rebalance_timeout_s),
            request_timeout_ms=round(1000 * settings.request_timeout_s),
        )

    async def start(
        self,
        topics: Iterable[str],
        revoked: Callable[[set[Partition]], Awaitable[None]],
        assigned: Callable[[set[Partition]], Awaitable[None]],
    ) -> None:
        """Join the group; `revoked` and `assigned` are awaited within each rebalance."""
        self._consumer.subscribe(list(topics), listener=_Listener(revoked, assigned))
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group, within the request's time: brokers may be away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), self._settings.request_timeout_s)

    async def take(
        self, eligible: Iterable[Partition], at_most: int
    ) -> Mapping[Partition, list[Record]]:
        """The next records of some partitions; with none eligible, only a sign of life.

        Never cancelled: a cancelled fetch switches aiokafka's own watchdog off for good.
        """
        wanted = [TopicPartition(*partition) for partition in eligible]
        if wanted:
            batch = await self._consumer.getmany(
                *wanted, timeout_ms=FETCH_WAIT_MS, max_records=at_most
            )
        else:
            # No partition at all would mean every partition; this one nobody has.
            batch = await self._consumer.getmany(TopicPartition("", -1), timeout_ms=FETCH_WAIT_MS)
        return {Partition(*place): records for place, records in batch.items()}

    def highwater(self, partition: Partition) -> int | None:
        """The offset behind the partition's last record, as last heard."""
        offset: int | None = self._consumer.highwater(TopicPartition(*partition))
        return offset

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit the next offset to read of each partition.

        Raises:
            CommitError: the brokers refused, or did not answer in time.
        """
        offsets = {TopicPartition(*place): offset for place, offset in positions.items()}
        try:
            await asyncio.wait_for(self._consumer.commit(offsets), self._settings.request_timeout_s)
        except (KafkaError, TimeoutError) as error:
            raise CommitError(repr(error)) from error


class ConsumerBrokenError(Exception):
    """The consumer will not recover by itself."""


Moved = Callable[[Partition, int | None, int], None]
"""Told of a partition whose position the consumer had to choose: from where, if any, to where."""


class CommitError(Exception):
    """Offsets could not be committed; those who read on from there read again."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped base
    def __init__(
        self,
        revoked: Callable[[set[Partition]], Awaitable[None]],
        assigned: Callable[[set[Partition]], Awaitable[None]],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._revoked({Partition(*place) for place in revoked})

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        await self._assigned({Partition(*place) for place in assigned})

"""Batches of records, with what aiokafka's lack: numbers given back, and names of any bytes."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import (  # type: ignore[import-untyped]  # ships no types
    BatchBuilder,
    MessageAccumulator,
    MessageBatch,
)
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    _DefaultRecordBatchBuilderPy,
)

Headers = list[tuple[str, bytes | None]]

_REFUSED = (
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
"""With these a broker says that it has written nothing."""
TOPIC_REFUSED = (
    InvalidTopicError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
"""With these a broker says that it will not take any record for the topic."""
_NEVER_SENT = (LeaderNotAvailableError, NotLeaderForPartitionError)
"""With these a batch ends that waited for a leader in vain; answers of that kind are retried."""


class UndeliveredError(KafkaError):  # type: ignore[misc]  # untyped base
    """A record that was in a batch is not acknowledged, and will not be."""

    def __init__(self, cause: object, unknown: bool, shared: bool = False) -> None:
        super().__init__(cause, unknown, shared)  # it is copied by its arguments
        self.cause = cause
        self.unknown = unknown
        """Whether it may have been written all the same."""
        self.too_large = isinstance(cause, MessageSizeTooLargeError | RecordListTooLargeError)
        self.topic_refused = isinstance(cause, TOPIC_REFUSED)
        self.record_refused = isinstance(cause, InvalidTimestampError | PolicyViolationError)
        self.shared = shared
        """Whether it was in a batch with others, which the answer is about as a whole."""

    def __str__(self) -> str:
        return str(self.cause) if isinstance(self.cause, str) else repr(self.cause)


class Accumulator(MessageAccumulator):  # type: ignore[misc]  # untyped base
    """aiokafka's batches that wait to be sent, one after another for each partition."""

    _broken: Callable[[object], None]

    @classmethod
    def improve(cls, accumulator: Any, broken: Callable[[object], None]) -> None:
        """Turn the accumulator of a new producer into one; `broken` is told when it must go."""
        accumulator.__class__ = cls
        accumulator._broken = broken

    def append(
        self, partition: Any, key: bytes | None, value: bytes | None, headers: Headers
    ) -> "asyncio.Future[Any] | None":
        """Put a record into its partition's last batch; None if that is full."""
        waiting = self._batches.get(partition)
        batch: Batch
        batch = waiting[-1] if waiting else self._append_batch(self.create_builder(), partition)
        return batch.add(key, value, headers)

    async def append_alone(
        self, partition: Any, key: bytes | None, value: bytes | None, headers: Headers
    ) -> "asyncio.Future[Any]":
        """Put a record, names of headers with surrogate escapes too, into a batch of its own."""
        builder = _AnyNames(1, 0)
        builder.append(timestamp=None, key=key, value=value, headers=headers)
        builder.close()
        # Those who wait for room have limits of their own.
        future: asyncio.Future[Any] = await self.add_batch(builder, partition, 3600.0)
        return future

    def under_way(self) -> "list[asyncio.Future[Any]]":
        """The ends of all batches that wait or are being sent."""
        waiting = [batch.future for batches in self._batches.values() for batch in batches]
        return waiting + [batch.future for batch in self._pending_batches]

    def _append_batch(self, builder: Any, tp: Any) -> "Batch":
        batch = Batch(self, tp, builder)
        self._batches[tp].append(batch)
        if not self._waiter_future.done():
            self._waiter_future.set_result(None)
        return batch


class Batch(MessageBatch):  # type: ignore[misc]  # untyped base
    """A batch that gives its sequence numbers back when it is known not to be written.

    An idempotent producer numbers what it sends to a partition. aiokafka counts on after a
    refusal too, so that brokers, who miss a number, refuse whatever comes (#1017).
    """

    _msg_futures: list[tuple[asyncio.Future[Any], Any]]

    def __init__(self, accumulator: Accumulator, partition: Any, builder: Any) -> None:
        super().__init__(partition, builder, accumulator._batch_ttl, accumulator._linger_time)
        self._accumulator = accumulator
        self._sequence: int | None = None
        self._create_future = asyncio.get_running_loop().create_future

    def add(
        self, key: bytes | None, value: bytes | None, headers: Headers
    ) -> "asyncio.Future[Any] | None":
        """Do what `append` does, with fewer stops on the way; None if there is no room."""
        builder = self._builder
        if builder._closed:
            return None
        number = builder._relative_offset
        metadata = builder._builder.append(number, None, key, value, headers)
        if metadata is None:
            builder.close()
            return None
        builder._relative_offset = number + 1
        future = self._create_future()
        self._msg_futures.append((future, metadata))
        return future

    def done(self, *answer: Any, **more: Any) -> None:
        """End all its records well; where each was written nobody asks."""
        records, self._msg_futures = self._msg_futures, []
        super().done(*answer, **more)
        for future, _ in records:
            if not future.done():
                future.set_result(None)

    def set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """Take the numbers of its records, when it is about to be sent."""
        super().set_producer_state(producer_id, producer_epoch, base_sequence)
        self._sequence = base_sequence

    # Called with keyword arguments.
    def failure(self, exception: Exception) -> None:
        """End all its records with an error."""
        if not isinstance(exception, UndeliveredError):
            # After a first attempt without an answer nothing is known for sure.
            unwritten = self.retry_count <= 1 and isinstance(exception, _REFUSED + _NEVER_SENT)
            if not unwritten:
                self._accumulator._broken(exception)
            elif self._sequence is not None:
                # The next batch of the partition has not got its numbers yet.
                manager: Any = self._accumulator._txn_manager
                manager._sequence_numbers[self.tp] = self._sequence
            exception = UndeliveredError(exception, not unwritten, self.record_count > 1)
        super().failure(exception)
        if self._drain_waiter.done() and not self._drain_waiter.cancelled():
            self._drain_waiter.exception()  # perhaps nobody waits, and nothing is to be logged


class _AnyNames(BatchBuilder):  # type: ignore[misc]  # untyped base
    """A batch in pure Python: the quick builder insists on names in UTF-8."""

    def __init__(self, batch_size: int, compression_type: int) -> None:
        super().__init__(batch_size, compression_type)
        self._builder = _DefaultRecordBatchBuilderPy(
            magic=2,
            compression_type=compression_type,
            is_transactional=False,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=0,
            batch_size=batch_size,
        )

    def append(self, *, headers: Any = (), **record: Any) -> Any:
        return super().append(headers=[(_Name(name), value) for name, value in headers], **record)

    def _set_producer_state(
        self, producer_id: int, producer_epoch: int, base_sequence: int
    ) -> None:
        self._builder.set_producer_state(producer_id, producer_epoch, base_sequence)


class _Name(str):
    """A header's name that is encoded to the bytes it was decoded from."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        return super().encode(encoding, errors)


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """How many bytes a record takes at most, in a batch of its own."""
    size: int = _DefaultRecordBatchBuilderPy.estimate_size_in_bytes(
        key, value, [(_Name(name), value) for name, value in headers]
    )
    return size

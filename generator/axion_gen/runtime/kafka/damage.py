"""Records that aiokafka cannot read: those that can be delivered all the same, and the others.

aiokafka raises when it comes to such a record, at the same place for ever, and what it took
from other partitions in the same call is lost. Here the reading of a partition ends quietly
before the record, and the place is noted; the record is then fetched once more, by itself.
"""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from aiokafka.consumer.fetcher import (  # type: ignore[import-untyped]  # ships no types
    FetchResult,
    PartitionRecords,
)
from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    CorruptRecordException,
    KafkaConnectionError,
    KafkaError,
    OffsetOutOfRangeError,
    UnsupportedCodecError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest  # type: ignore[import-untyped]  # ships no types
from aiokafka.record.default_records import (  # type: ignore[import-untyped]  # ships no types
    _DefaultRecordBatchPy,
)
from aiokafka.record.util import decode_varint  # type: ignore[import-untyped]  # ships no types
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]  # ships no types

from ..headers import RawHeaders, Record
from .connection import ANSWER_TIMEOUT_S, Partition

logger = logging.getLogger(__name__)

HALT_S = 30.0
"""How long a partition stands still before its unreadable record is tried again."""
RETRY_S = 1.0
"""The same, where it cannot be fetched."""
LARGEST_BATCH_BYTES = 64 * 1024 * 1024


_LENGTH_END = 12
_MAGIC = 16
"""Where in a batch its length ends, and where its version is."""


class KafkaRecord(NamedTuple):
    """A record, in a third of the time that aiokafka's own takes to be made."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: RawHeaders


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a partition stands still, and until when."""

    offset: int
    reason: str
    until: float


class Damage:
    """Where a consumer came upon records that it cannot read, and what became of them."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.found: dict[TopicPartition, int] = {}
        """At which offset an unreadable batch begins, by partition."""
        self.halts: dict[Partition, Halt] = {}

    def watch(self) -> None:
        """Begin with a new assignment, of which nothing has been fetched yet."""
        self.found.clear()
        self.halts.clear()
        buffer = self._consumer._fetcher._records
        if not isinstance(buffer, _Buffer):
            self._consumer._fetcher._records = _Buffer(self.found)

    async def read(self) -> dict[Partition, list[Record]]:
        """The records of a batch that was found unreadable, if they can be had.

        A partition where they cannot be had is halted.
        """
        partition, offset = self.found.popitem()
        assignment = self._consumer._subscription.subscription.assignment
        place = Partition(*partition)
        records: list[Record] = []
        following = offset
        try:
            records, following = await self._again(partition, offset)
        except OffsetOutOfRangeError:
            pass  # it was deleted; that is dealt with where the next fetch finds it so
        except KafkaError as error:
            self._halt(place, offset, error)
            return {}
        # Meanwhile the partition may have gone, or its position have been set elsewhere.
        state = assignment.state_value(partition) if assignment.active else None
        if state is None or not state.has_valid_position or state.position != offset:
            return {}
        if self.halts.pop(place, None) is not None:
            logger.warning("%s[%d] goes on at offset %d", *place, offset)
        self._consumer.seek(partition, following)  # it forgets what is buffered, too
        return {place: records} if records else {}

    def waiting(self) -> set[Partition]:
        """The partitions that stand still for now; those whose time is over are tried again."""
        now = time.monotonic()
        for place, halt in self.halts.items():
            if halt.until <= now:
                self.found[TopicPartition(*place)] = halt.offset
        return set(self.halts)

    def _halt(self, place: Partition, offset: int, error: Any) -> None:
        now = time.monotonic()
        if error.retriable:
            reason = f"it cannot be fetched at present: {error!r}"
            self.halts[place] = Halt(offset, reason, now + RETRY_S)
            self._consumer._client.force_metadata_update()
            return
        reason = str(error.args[0]) if error.args else type(error).__name__
        self.halts[place] = Halt(offset, reason, now + HALT_S)
        logger.error(
            "%s[%d] stands still at offset %d: %s. Repair it, or give up what is lost with"
            " `kafka-delete-records.sh`; it is tried again in %g s",
            *place,
            offset,
            reason,
            HALT_S,
        )

    async def _again(self, partition: TopicPartition, offset: int) -> tuple[list[Record], int]:
        """Fetch a batch, and read it leniently; returns its records and the offset after it."""
        client = self._consumer._client
        request = FetchRequest(
            0,
            1,
            LARGEST_BATCH_BYTES,
            0,
            # A broker gives the first batch whole, however small this limit is.
            [(partition.topic, [(partition.partition, offset, 1)])],
            rack_id="",
        )
        leader = client.cluster.leader_for_partition(partition)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                response = await client.send(leader, request)
        except TimeoutError:
            raise KafkaConnectionError(f"no answer within {ANSWER_TIMEOUT_S:g} s") from None
        [(_, [(_, code, *_, message_set)])] = response.topics
        if code:
            raise for_code(code)(f"{partition}@{offset}")
        return _read(partition, offset, bytes(message_set or b""))


def _read(partition: TopicPartition, offset: int, message_set: bytes) -> tuple[list[Record], int]:
    """The records of the first batch, from an offset on; and the offset after the batch."""
    if len(message_set) <= _MAGIC:
        return [], offset  # nothing any more; the ordinary way goes on from here
    if message_set[_MAGIC] < 2:
        raise CorruptRecordException("a batch that cannot be read, in a format before Kafka 0.11")
    size = _LENGTH_END + int.from_bytes(message_set[_LENGTH_END - 4 : _LENGTH_END], "big")
    batch = _DefaultRecordBatchPy(message_set[:size])
    if not batch.validate_crc():
        raise CorruptRecordException("the checksum of a batch is wrong: it was damaged")
    if batch.is_control_batch:
        return [], batch.next_offset
    try:
        batch._maybe_uncompress()
        records = list(_records(partition, batch))
    except UnsupportedCodecError as error:
        raise UnsupportedCodecError(f"{error}: install the service with `aiokafka[all]`") from None
    except Exception as error:  # whatever a codec or a cut off number raises
        raise CorruptRecordException(f"a batch cannot be read: {error!r}") from error
    return [record for record in records if record.offset >= offset], batch.next_offset


def _records(partition: TopicPartition, batch: Any) -> Iterator[Record]:
    """What is in a batch, as the format is described in aiokafka's `default_records`."""
    reader = _Reader(bytes(batch._buffer), batch._pos)
    for _ in range(batch._num_records):
        end = reader.number() + reader.position
        reader.number()  # attributes, of which there are none yet
        timestamp = batch.first_timestamp + reader.number()
        if batch.timestamp_type == batch.LOG_APPEND_TIME:
            timestamp = batch.max_timestamp
        offset = batch.base_offset + reader.number()
        key, value = reader.content(), reader.content()
        headers: Any = tuple(
            ((reader.content() or b"").decode("utf-8", "surrogateescape"), reader.content())
            for _ in range(reader.number())
        )
        if reader.position != end:
            raise ValueError(f"the record at offset {offset} is not as long as it says")
        yield KafkaRecord(
            partition.topic, partition.partition, offset, timestamp, key, value, headers
        )


class _Reader:
    def __init__(self, buffer: bytes, position: int) -> None:
        self._buffer: Any = buffer
        self.position = position

    def number(self) -> int:
        number: int
        number, self.position = decode_varint(self._buffer, self.position)
        return number

    def content(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        begin, self.position = self.position, self.position + size
        if self.position > len(self._buffer):
            raise ValueError("a record is cut off")
        content: bytes = self._buffer[begin : self.position]
        return content


class _Buffer(OrderedDict[Any, Any]):
    """The fetcher's buffer, in which each partition's records end before what is unreadable."""

    def __init__(self, found: dict[TopicPartition, int]) -> None:
        super().__init__()
        self._found = found

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:
        if type(result) is FetchResult:
            result._partition_records = _Records(result._partition_records, self._found)
            # Its own takes one record after the other.
            result.getall = partial(_take, result)  # pyright: ignore[reportAttributeAccessIssue]
        super().__setitem__(partition, result)


def _take(result: Any, at_most: int) -> list[Record]:
    """What `FetchResult.getall` does, all at once."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    fetched = result._partition_records
    records: list[Record] = list(islice(fetched, at_most))
    if records:
        fetched.next_fetch_offset = max(fetched.next_fetch_offset, records[-1].offset + 1)
    result._update_position()
    if len(records) < at_most:
        result._partition_records = None
    return records


class _Records(PartitionRecords):  # type: ignore[misc]  # untyped base
    next_fetch_offset: int

    def __init__(self, fetched: Any, found: dict[TopicPartition, int]) -> None:
        self._found = found
        # It was not begun, and would keep what was fetched until the garbage collector comes.
        fetched._records_iterator.close()
        super().__init__(
            fetched._tp,
            fetched._records,
            fetched._aborted_transactions,
            fetched.next_fetch_offset,
            None,
            None,
            fetched._check_crcs,
            fetched._isolation_level,
        )

    def __iter__(self) -> Any:
        # The generator itself: one call less for each record.
        return self._records_iterator

    def _unpack_records(self) -> Any:
        topic, partition = self._tp
        make = tuple.__new__  # what a named tuple's own constructor calls, in half of the time
        begin = self.next_fetch_offset
        offset = begin - 1
        try:
            for batch in self._batches():
                for record in batch:
                    offset = record.offset
                    if offset < begin:
                        continue  # a batch may begin before the position
                    yield make(
                        KafkaRecord,
                        (
                            topic,
                            partition,
                            offset,
                            record.timestamp,
                            record.key,
                            record.value,
                            record.headers,
                        ),
                    )
                # Compaction removes records, and batches keep their ends.
                self.next_fetch_offset = batch.next_offset
        except Exception:  # whatever it is, here it begins, and what came before is good
            self._found[self._tp] = max(self.next_fetch_offset, offset + 1)

    def _batches(self) -> Iterator[Any]:
        """The batches of records, without those of transactions that were aborted."""
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"wrong checksum in {self._tp}")
            if batch.producer_id is not None:
                self._consume_aborted_up_to(batch.base_offset)
                if batch.is_control_batch and self._contains_abort_marker(batch):
                    self._aborted_producers.discard(batch.producer_id)
                aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
            else:
                aborted = False
            if aborted or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
            else:
                yield batch

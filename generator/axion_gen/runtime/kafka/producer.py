"""Sending records: many at once, each acknowledged, refused or overdue."""

import asyncio
import logging
import time
from typing import Any

from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    KafkaError,
    UnknownTopicOrPartitionError,
)

from ..addresses import LONGEST_NAME
from ..errors import (
    EmitError,
    KafkaUnavailableError,
    NotRunningError,
    RecordRefusedError,
    RecordTooLargeError,
    StartError,
    TopicRefusedError,
)
from ..headers import RawHeaders
from ..settings import KafkaSettings
from .batches import TOPIC_REFUSED, Headers, UndeliveredError
from .connection import MAX_RECORD_BYTES
from .line import Line
from .security import describe

logger = logging.getLogger(__name__)

LARGEST_TOPIC_BYTES = 64 * 1024 * 1024
"""What a dead letter's topic may take at most; below it the brokers decide."""
FLUSH_TIMEOUT_S = 5.0
"""How long a producer that goes waits for what it has sent."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0


_Record = tuple[str, bytes | None, bytes | None, Headers]
"""Topic, key, value and headers."""


class KafkaProducer:
    """An idempotent producer: a send returns when all replicas in sync have the record.

    Sends to a topic are written in the order in which they were called, for each key. An
    error after which aiokafka's producer would refuse all that follows has it replaced.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, *, extra_bytes: int = 0) -> None:
        """With `extra_bytes` for dead letters, as large as any record and so much larger."""
        self._settings = settings
        self._client_id = client_id
        self._limit = (LARGEST_TOPIC_BYTES if extra_bytes else MAX_RECORD_BYTES) + extra_bytes
        self._timeout = settings.emit_timeout_s
        self._under_way: _UnderWay = _UnderWay(self._timeout)
        self._line: Line | None = None
        """Where records go; none before the start, and while a new one is made."""
        self._ready = asyncio.Event()
        self._turns: dict[str, _Turn] = {}
        """Of the topics for which sends have to wait."""
        self._replacing: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Connect.

        Raises:
            StartError: no broker answers in time, or none takes an idempotent producer.
        """
        line = Line(self._settings, self._client_id, self._limit, self._broken)
        try:
            await line.start(self._settings.start_timeout_s)
        except (KafkaError, TimeoutError) as error:
            await line.abandon()
            reasons = describe(line.client.faults or [error], self._settings)
            raise StartError(
                f"no producer can be started on {self._settings.bootstrap_servers}: {reasons}"
            ) from None
        self._open(line)

    async def stop(self) -> None:
        """Flush what is under way, for 5 s at most: brokers may be away."""
        self._stopped = True
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait((self._replacing,))
        if self._line is not None:
            line, self._line = self._line, None
            await self._let_go(line)
        self._ready.set()  # who still waits is told

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders
    ) -> None:
        """Write a record; return once it is acknowledged.

        Names of headers may have surrogate escapes. Cancelling leaves a record that is on its
        way to its fate.

        Raises:
            RecordTooLargeError: the record is larger than the topic, or this client, takes.
            RecordRefusedError: the topic has other rules, and the record is against them.
            TopicRefusedError: the topic is not there, or may not be written.
            KafkaUnavailableError: Kafka did not answer in time, or could not write it.
            EmitError: Kafka refused it.
        """
        listed = headers if isinstance(headers, list) else list(headers)
        record = (topic, key, value, listed)
        try:
            try:
                line = self._line
                # Not before those that have to wait.
                waits = line is None or (self._turns and topic in self._turns)
                future = None if waits or line is None else line.append(*record)
                if future is None:
                    await self._send_in_turn(record, alone=False)
                else:
                    self._under_way.add(future)
                    try:
                        await future
                    except asyncio.CancelledError:
                        _unheard(future)
                        raise
                    finally:
                        self._under_way.remove(future)
            except UndeliveredError as error:
                if not (error.too_large and error.shared):
                    raise
                # It was refused with others, and perhaps they are too large only together.
                await self._send_in_turn(record, alone=True)
        except UndeliveredError as error:
            raise _kind(error)(
                f"{topic} did not take the record: {error}", unknown=error.unknown
            ) from error
        except TOPIC_REFUSED as error:
            raise TopicRefusedError(f"{topic} does not take records: {error!r}") from error
        except KafkaError as error:
            raise EmitError(f"{topic} does not take records: {error!r}") from error

    async def _send_in_turn(self, record: _Record, *, alone: bool) -> None:
        """Wait for a producer, the topic's partitions, and room for the record; then send it."""
        topic = record[0]
        if len(topic) > LONGEST_NAME:
            raise TopicRefusedError(
                f"{topic} has {len(topic)} characters, a topic's name {LONGEST_NAME} at most"
            )
        turn = self._turns.setdefault(topic, _Turn())
        turn.waiting += 1
        sent = False
        began = time.time()
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    async with turn.lock:
                        future = await self._append(record, began, alone=alone)
                finally:
                    turn.waiting -= 1
                    if not turn.waiting:
                        del self._turns[topic]
                sent = True
                await future
        except TimeoutError:
            if sent:
                raise _overdue(self._timeout) from None
            if self._line is not None and self._line.misses(topic, began):
                raise TopicRefusedError(f"{topic} is not there: create it") from None
            raise KafkaUnavailableError(
                f"{topic} has no room for the record within {self._timeout:g} s: it was not sent"
            ) from None

    async def _append(self, record: _Record, began: float, *, alone: bool) -> "asyncio.Future[Any]":
        while True:
            await self._ready.wait()
            line = self._line
            if line is None:
                raise NotRunningError("the bus has stopped: the record was not sent")
            try:
                return await line.append_patiently(*record, alone=alone)
            except UnknownTopicOrPartitionError:
                # aiokafka says so too while no broker answers.
                if line is self._line and line.misses(record[0], began):
                    raise
            except KafkaError:
                if line is self._line:
                    raise  # else there will be another

    # Replacing

    def _open(self, line: "Line") -> None:
        self._line = line
        self._ready.set()

    def _broken(self, line: "Line", error: object) -> None:
        """Called when a line can no longer be used: at once, within aiokafka's own work."""
        if line is not self._line or self._stopped:
            return
        self._line = None
        self._ready.clear()
        self._replacing = asyncio.create_task(self._replace(line, error), name="kafka producer")

    async def _replace(self, old: "Line", error: object) -> None:
        logger.warning("the producer is replaced after %r", error)
        # What the old one still has is written before anything new, or not at all.
        await self._let_go(old)
        pause = FIRST_PAUSE_S
        while True:
            line = Line(self._settings, self._client_id, self._limit, self._broken)
            try:
                await line.start(self._settings.request_timeout_s)
            except (KafkaError, TimeoutError) as failure:
                logger.warning(
                    "no new producer yet (%s), next try in %g s",
                    describe(line.client.faults or [failure], self._settings),
                    pause,
                )
                await line.abandon()
            except BaseException:
                await line.abandon()
                raise
            else:
                self._open(line)
                logger.warning("the producer is replaced")
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _let_go(self, line: "Line") -> None:
        try:
            left = await line.flush(FLUSH_TIMEOUT_S)
            if left:
                logger.error(
                    "%d records are not acknowledged within %g s: their fate is unknown",
                    left,
                    FLUSH_TIMEOUT_S,
                )
        finally:
            await line.abandon()


class _UnderWay:
    """What waits for its acknowledgement. All wait equally long, so one timer serves them all."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._time = asyncio.get_running_loop().time
        self._deadlines: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, future: "asyncio.Future[Any]") -> None:
        """See that it ends in time: with `UndeliveredError` if with nothing else."""
        self._deadlines[future] = self._time() + self._timeout
        if self._timer is None:
            self._sweep()

    def remove(self, future: "asyncio.Future[Any]") -> None:
        """Forget what has ended, or is not awaited any more."""
        del self._deadlines[future]

    def _sweep(self) -> None:
        """End what is overdue, and come back when the next may be."""
        self._timer = None
        now = self._time()
        for future, deadline in self._deadlines.items():
            if deadline > now:
                self._timer = asyncio.get_running_loop().call_at(deadline, self._sweep)
                return
            if not future.done():
                future.set_exception(_overdue(self._timeout))


def _unheard(future: "asyncio.Future[Any]") -> None:
    """See that an error which nobody awaits any more is not logged as forgotten."""
    if future.done() and not future.cancelled():
        future.exception()


def _overdue(timeout: float) -> UndeliveredError:
    return UndeliveredError(
        f"there is no acknowledgement within {timeout:g} s: it may have arrived, or may still"
        " arrive",
        unknown=True,
    )


def _kind(error: UndeliveredError) -> type[EmitError]:
    if error.too_large:
        return RecordTooLargeError
    if error.record_refused:
        return RecordRefusedError
    refused = error.topic_refused and not error.unknown
    return TopicRefusedError if refused else KafkaUnavailableError


class _Turn:
    """The order of the sends to a topic that have to wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0

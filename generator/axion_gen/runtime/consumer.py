"""The engine: takes records, gives them to handlers by key, commits what is finished.

    poll task --> queues by key --> workers --> the pipeline --> offset tracker --> committer

There is one poll task, which never waits for a handler: a slow handler costs the instance
neither heartbeats nor partitions. Workers are tasks that take the next ready key and see
one record of it to its end. Each assignment of a partition has a state of its own, so what
ends after the partition was revoked changes nothing that is committed.
"""

import asyncio
import logging
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from .contract import Topic
from .delivery import Delivery, Handle
from .kafka import POLL_INTERVAL_S, CommitError, KafkaConsumer, Partition
from .offsets import OffsetTracker
from .queues import KeyQueues
from .settings import KafkaSettings

logger = logging.getLogger(__name__)

BREATH = 50
"""After so many records a worker lets the event loop turn: heartbeats must go out."""
POLL_ERROR_PAUSE_S = 1.0


@dataclass(eq=False, slots=True)
class Assignment:
    """A partition for as long as this instance has it."""

    partition: Partition
    topic: Topic
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    running: int = 0
    """How many of its records are with a worker."""
    committed: int | None = None


Queue = tuple[Assignment, Hashable]


class Consumer:
    """Reads the contract's topics as one member of the service's group."""

    def __init__(
        self,
        kafka: KafkaConsumer,
        topics: Mapping[str, Topic],
        settings: KafkaSettings,
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._settings = settings
        self._assignments: dict[Partition, Assignment] = {}
        self._queues: KeyQueues[Queue, tuple[Assignment, Delivery]] = KeyQueues()
        self._workers: set[asyncio.Task[None]] = set()
        self._pausing = 0
        self._changed = asyncio.Event()
        """Something was taken up or ended: there may be room, or a drain may be over."""
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.joined = False
        """Whether the group has given this member an assignment, an empty one included."""

    async def start(self, handle: Handle) -> None:
        """Join the group and begin to handle."""
        self._handle = handle
        await self._kafka.start(self._topics, self._revoked, self._assigned)
        self._tasks = [
            asyncio.create_task(self._poll(), name="kafka poll"),
            asyncio.create_task(self._commit_regularly(), name="kafka commit"),
        ]

    async def stop(self) -> None:
        """Take nothing new, finish what runs, commit, leave the group. Bounded in time."""
        self._stopping = True
        self._changed.set()
        if self._tasks:
            poll, commits = self._tasks
            # A fetch is never cancelled; a rebalance under way may hold it for a while.
            await asyncio.wait((poll,), timeout=self._settings.drain_timeout_s)
            commits.cancel()
            await asyncio.wait((commits,))
        await self._drain(set(self._assignments.values()))
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._commit(self._assignments.values())
        await self._kafka.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def pause(self, seconds: float) -> None:
        """Wait, and let another worker have this one's place meanwhile."""
        self._pausing += 1
        self._employ()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing -= 1

    # Taking

    async def _poll(self) -> None:
        while not self._stopping:
            try:
                await self._room()
                half = (self._settings.max_in_flight_per_partition + 1) // 2
                batch = await self._kafka.take(self._eligible(), min(half, max(1, self._free())))
            except Exception:  # nothing may end the poll task; the log says what stands still
                if self._stopping:
                    return
                logger.exception("cannot take records, next try in %g s", POLL_ERROR_PAUSE_S)
                await asyncio.sleep(POLL_ERROR_PAUSE_S)
                continue
            for partition, records in batch.items():
                assignment = self._assignments.get(partition)
                if assignment is None or self._stopping:
                    continue  # not taken, so whoever has the partition next reads it
                for record in records:
                    assignment.tracker.take(record.offset)
                    key: Hashable = None
                    if self._settings.ordering == "key":
                        # No key, no order: a queue of its own for each such record.
                        key = record.offset if record.key is None else record.key
                    self._queues.add(
                        (assignment, key), (assignment, Delivery(record, assignment.topic))
                    )
            self._employ()

    async def _room(self) -> None:
        """Wait for room; but not so long that the group takes this member for dead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_INTERVAL_S / 3):
                while not self._eligible() and not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()

    def _eligible(self) -> list[Partition]:
        """From which partitions to take: none unless a handler is free for what comes."""
        if (
            self._queues
            or self._busy() >= self._settings.max_concurrent_handlers
            or self._free() <= 0
        ):
            return []
        # Half of a partition's limit is taken at once, while the other half is free.
        half = self._settings.max_in_flight_per_partition // 2
        return [
            partition
            for partition, assignment in self._assignments.items()
            if assignment.tracker.in_flight <= half
        ]

    def _free(self) -> int:
        """How many records may be taken over all partitions."""
        taken = sum(assignment.tracker.in_flight for assignment in self._assignments.values())
        return self._settings.max_in_flight - taken

    # Handling

    def _busy(self) -> int:
        return len(self._workers) - self._pausing

    def _employ(self) -> None:
        """Have as many workers as there are ready keys and handlers allowed."""
        free = self._settings.max_concurrent_handlers - self._busy()
        for _ in range(min(len(self._queues), free)):
            worker = asyncio.create_task(self._work(), name="kafka worker")
            self._workers.add(worker)
            worker.add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._employ()  # several may have left as surplus at once
        self._changed.set()

    async def _work(self) -> None:
        handled = 0
        # Those that come back from a pause may be too many; the surplus goes.
        while self._queues and self._busy() <= self._settings.max_concurrent_handlers:
            queue, (assignment, delivery) = self._queues.take()
            assignment.running += 1
            if not self._queues:
                self._changed.set()
            try:
                await self._handle(delivery)
            except Exception:  # not the handler's: ours. The offset stays where it is.
                logger.exception("%s: cannot be brought to an end", delivery.place)
            else:
                assignment.tracker.finish(delivery.record.offset)
            finally:
                assignment.running -= 1
                self._queues.release(queue)
                self._changed.set()
            handled += 1
            if handled % BREATH == 0:
                await asyncio.sleep(0)

    # Committing

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_interval_ms / 1000)
            await self._commit(self._assignments.values())

    async def _commit(self, assignments: Iterable[Assignment]) -> None:
        due = [
            (assignment, position)
            for assignment in assignments
            if (position := assignment.tracker.position) not in (None, assignment.committed)
        ]
        if not due:
            return
        try:
            await self._kafka.commit({assignment.partition: at for assignment, at in due})
        except CommitError as error:
            logger.warning("offsets not committed, tried again later: %s", error)
            return
        for assignment, position in due:
            assignment.committed = position

    # Rebalancing

    async def _assigned(self, partitions: set[Partition]) -> None:
        self._assignments = {
            partition: Assignment(partition, self._topics[partition.topic])
            for partition in sorted(partitions)
        }
        self.joined = True
        self._changed.set()

    async def _revoked(self, partitions: set[Partition]) -> None:
        """Finish what runs of these partitions, commit, let go. Awaited by the group."""
        gone = {
            self._assignments.pop(partition)
            for partition in partitions
            if partition in self._assignments
        }
        await self._drain(gone)
        await self._commit(gone)

    async def _drain(self, assignments: set[Assignment]) -> None:
        self._queues.drop(lambda queue: queue[0] in assignments)
        try:
            async with asyncio.timeout(self._settings.drain_timeout_s):
                while any(assignment.running for assignment in assignments):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            logger.warning(
                "%d handlers outlived the drain: their records are handled again elsewhere",
                sum(assignment.running for assignment in assignments),
            )

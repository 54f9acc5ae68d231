"""The engine: takes records, gives them to handlers by key, commits what is finished.

    poll task --> queues by key --> workers --> the pipeline --> offset tracker --> committer

There is one poll task, which never waits for a handler: a slow handler costs the instance
neither heartbeats nor partitions. Workers are tasks that take the next ready key and see
one record of it to its end. Each assignment of a partition has a state of its own, so what
ends after the partition was revoked changes nothing that is committed.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter as clock

from .context import turn_to
from .contract import Topic
from .dead_letters import origin
from .delivery import Delivery, Handle
from .descriptions import describe
from .headers import Record
from .interceptors.outage import Held
from .kafka import (
    CommitError,
    ConsumerBrokenError,
    KafkaConsumer,
    Moved,
    Partition,
)
from .offsets import OffsetTracker
from .queues import KeyQueues
from .settings import KafkaSettings
from .statistics import Statistics, TopicStatistics

logger = logging.getLogger(__name__)

BREATH_S = 0.01
"""After so long without a wait a worker lets the event loop turn: heartbeats must go out."""
SIGN_OF_LIFE_S = 5.0
"""The group is told at least so often that this member is alive, however busy it is."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass(eq=False, slots=True)
class Assignment:
    """A partition for as long as this instance has it."""

    partition: Partition
    topic: Topic
    statistics: TopicStatistics
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    replayed: bool = False
    """Whether its records come over the replay topic."""
    running: int = 0
    """How many of its records are with a worker."""
    committed: int | None = None


@dataclass(eq=False, slots=True)
class Lane:
    """What the queues of a partition have in common, over all its assignments.

    So a handler that outlives its assignment still holds its key if the partition comes back.
    """

    assignment: Assignment


Queue = tuple[Lane, Hashable]


class Consumer:
    """Reads the contract's topics as one member of the service's group."""

    def __init__(
        self,
        connect: Callable[[Moved], KafkaConsumer],
        topics: Mapping[str, Topic],
        settings: KafkaSettings,
        statistics: Statistics,
        held: Held,
        replay: str,
    ) -> None:
        self._connect = connect
        self._kafka = connect(self._moved)
        self._topics = topics
        # What comes over the replay topic finds its own topic, or is no message of this one.
        self._all = {**topics, replay: Topic(replay, messages=(), unknown="dead-letter")}
        self._replay = replay
        self._settings = settings
        self.statistics = statistics
        self.held = held
        self.assignments: dict[Partition, Assignment] = {}
        self._lanes: dict[Partition, Lane] = {}
        self._queues: KeyQueues[Queue, Record] = KeyQueues()
        self._workers: set[asyncio.Task[None]] = set()
        self._pausing = 0
        self._employing = False
        """Whether `_employ` is about to be called, as soon as the event loop comes to it."""
        self._crowded = False
        """Whether there may be more workers at work than handlers allowed."""
        self._changed = asyncio.Event()
        """Something was taken up or ended: there may be room, or a drain may be over."""
        self._stopping = False
        self._refusal = ""
        """Why the last commit was refused, so that it is logged once."""
        self._broken = False
        """Whether the consumer must be replaced, for it will not recover."""
        self._tasks: list[asyncio.Task[None]] = []
        self.joined = False
        """Whether the group has given this member an assignment, an empty one included."""
        self.trouble: str | None = None
        """Why nothing can be taken at present, for people; none if all is well."""
        self.moved_at = time.monotonic()
        """When the poll task last went round: that it does is this instance's sign of life."""

    async def start(self, handle: Handle) -> None:
        """Join the group and begin to handle."""
        self._handle = handle
        await self._kafka.start(self._all, self._revoked, self._assigned)
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
            await asyncio.gather(
                self._drain(set(self.assignments.values())),
                asyncio.wait((poll,), timeout=self._settings.drain_timeout_s),
            )
            commits.cancel()
            await asyncio.wait((commits,))
        for worker in self._workers:
            worker.cancel()
        if self._workers:  # a thread cannot be cancelled, and nobody waits for it for ever
            await asyncio.wait(self._workers, timeout=FIRST_PAUSE_S)
        await self._commit(self.assignments.values())
        left = self.in_flight
        await self._kafka.stop()
        if self._tasks:
            logger.info("left the group: %s", _read_again(left))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def pause(self, seconds: float) -> None:
        """Wait, and let another worker have this one's place meanwhile."""
        self._pausing += 1
        self.changed()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing -= 1
            self._crowded = self._places() < 0

    def changed(self) -> None:
        """Look again at what may be taken."""
        self._employ()
        self._changed.set()

    @property
    def in_flight(self) -> int:
        """How many records are taken and not finished."""
        return sum(assignment.tracker.in_flight for assignment in self.assignments.values())

    def lag(self, assignment: Assignment) -> int | None:
        """How many offsets a partition has from the first that is not finished to its end.

        As of the last fetch; none where it is not known yet.
        """
        oldest = assignment.tracker.oldest
        end = self._kafka.highwater(assignment.partition)
        begin = self._kafka.position(assignment.partition) if oldest is None else oldest.offset
        return None if begin is None or end is None else max(0, end - begin)

    @property
    def halted(self) -> Mapping[Partition, str]:
        """The partitions that stand still at a record that cannot be read, and why."""
        return self._kafka.halted

    @property
    def longest_turn_s(self) -> float:
        """The poll task goes round within so many seconds, whatever brokers and handlers do."""
        settings = self._settings
        # A rebalance that is waited for in vain, a start that gets no answer: see `_replace`.
        longest = max(
            settings.rebalance_timeout_s + settings.session_timeout_s, settings.start_timeout_s
        )
        return longest + 2 * SIGN_OF_LIFE_S

    # Taking

    async def _poll(self) -> None:
        pause = FIRST_PAUSE_S
        half = (self._settings.max_in_flight_per_partition + 1) // 2
        while not self._stopping:
            self.moved_at = time.monotonic()
            try:
                if self._broken:
                    await self._replace()
                await self._room()
                batch = await self._kafka.take(self._eligible(), min(half, max(1, self._free())))
                self._take_up(batch)
            except Exception as error:  # nothing may end the poll task
                self._broken = self._broken or isinstance(error, ConsumerBrokenError)
                self.moved_at = time.monotonic()
                self.trouble = describe(error)
                logger.error("cannot take records, next try in %g s: %s", pause, self.trouble)
                await self._pause_unless_stopping(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                if self.trouble:
                    logger.warning("records are taken again")
                self.trouble, pause = None, FIRST_PAUSE_S

    async def _pause_unless_stopping(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()

    def _take_up(self, batch: Mapping[Partition, list[Record]]) -> None:
        by_key = self._settings.ordering == "key"
        for partition, records in batch.items():
            assignment = self.assignments.get(partition)
            if assignment is None or self._stopping:
                continue  # not taken, so whoever has the partition next reads it
            assignment.statistics.received += len(records)
            assignment.tracker.take(records)
            lane = self._lanes[partition]
            if by_key:
                # No key, no order: a queue of its own for each such record.
                self._queues.add(
                    [((lane, r.offset if r.key is None else r.key), r) for r in records]
                )
            else:
                self._queues.add([((lane, None), record) for record in records])
        self._employ()

    async def _room(self) -> None:
        """Wait for room; but not so long that the group takes this member for dead."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_S):
                while not self._eligible() and not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()

    def _eligible(self) -> list[Partition]:
        """From which partitions to take: none unless a handler is free for what comes."""
        if self._queues.ready or self.held or self._places() <= 0 or self._free() <= 0:
            return []
        # Half of a partition's limit is taken at once, while the other half is free.
        half = self._settings.max_in_flight_per_partition // 2
        return [
            partition
            for partition, assignment in self.assignments.items()
            if assignment.tracker.in_flight <= half
        ]

    def _free(self) -> int:
        """How many records may be taken over all partitions."""
        return self._settings.max_in_flight - self.in_flight

    # Handling

    def _places(self) -> int:
        """How many more workers may be at work. What is held counts: an outage spreads no wider."""
        busy = len(self._workers) - self._pausing + self.held.count
        return self._settings.max_concurrent_handlers - busy

    def _employ(self) -> None:
        """Have one more worker, if there is something to do and a handler may run.

        It has the next one employed as soon as it waits for something: where handlers wait
        for nothing, one worker does all.
        """
        self._employing = False
        if not self._queues.ready:
            self._changed.set()  # all that was taken is at work
        elif self._places() > 0:
            worker = asyncio.create_task(self._work(), name="kafka worker")
            self._workers.add(worker)
            worker.add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._crowded = self._places() < 0
        self.changed()  # several may have left as surplus at once

    async def _work(self) -> None:
        queues, handle, loop = self._queues, self._handle, asyncio.get_running_loop()
        breath = clock() + BREATH_S
        while queues.ready and not (self._crowded and self._places() < 0):
            if not self._employing:
                self._employing = True
                loop.call_soon(self._employ)  # it comes to that when this one waits
            queue, record = queues.ready.popleft()
            assignment = queue[0].assignment
            assignment.running += 1
            delivery = Delivery(record, assignment.topic, assignment.statistics)
            if assignment.replayed:
                self._find_topic(delivery)
            try:
                await handle(delivery)
            except Exception:  # not the handler's: ours. The offset stays where it is.
                turn_to(delivery)
                logger.exception("%s: cannot be brought to an end", delivery.place)
            else:
                assignment.tracker.finish(record.offset)
            finally:
                assignment.running -= 1
                queues.release(queue)
                if not queues.ready or not assignment.running:
                    self._changed.set()
            if clock() > breath:
                await asyncio.sleep(0)
                breath = clock() + BREATH_S

    def _find_topic(self, delivery: Delivery) -> None:
        """A replayed record goes to the handlers of the topic it was first read from."""
        delivery.origin = came_from = origin(delivery.record)
        if came_from is not None:
            delivery.topic = self._topics.get(came_from.topic, delivery.topic)

    # Committing

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_interval_ms / 1000)
            try:
                await self._commit(self.assignments.values())
            except Exception:  # nothing may end the commit task
                logger.exception("offsets not committed, tried again later")

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
            self.statistics.failed_commits += 1
            if str(error) != self._refusal:
                logger.warning("offsets not committed, tried again later: %s", error)
            self._refusal = str(error)
            return
        self.statistics.commits += 1
        if self._refusal:
            logger.warning("offsets are committed again")
            self._refusal = ""
        for assignment, position in due:
            assignment.committed = position

    # Rebalancing

    async def _assigned(self, partitions: set[Partition]) -> None:
        self.assignments = {
            partition: Assignment(
                partition,
                self._all[partition.topic],
                self.statistics.topic(partition.topic),
                replayed=partition.topic == self._replay,
            )
            for partition in sorted(partitions)
        }
        for partition, assignment in self.assignments.items():
            self._lanes.setdefault(partition, Lane(assignment)).assignment = assignment
        self.joined = True
        self.statistics.rebalances += 1
        logger.info("assigned: %s", _names(self.assignments))
        self._changed.set()

    async def _revoked(self, partitions: set[Partition]) -> None:
        """Finish what runs of these partitions, commit, let go. Awaited by the group."""
        gone = {
            self.assignments.pop(partition)
            for partition in partitions
            if partition in self.assignments
        }
        await self._drain(gone)
        await self._commit(gone)
        if gone:
            left = sum(assignment.tracker.in_flight for assignment in gone)
            names = _names(sorted(assignment.partition for assignment in gone))
            logger.info("revoked: %s; %s", names, _read_again(left))

    async def _drain(self, assignments: set[Assignment]) -> None:
        for assignment in assignments:
            assignment.statistics.dropped += self._queues.drop(
                lambda queue, gone=assignment: queue[0].assignment is gone  # type: ignore[misc]
            )
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

    def _moved(self, partition: Partition, before: int | None, to: int) -> None:
        """Kafka no longer had, or never had, the position to read from."""
        assignment = self.assignments.get(partition)
        if assignment is not None and assignment.tracker.position is None:
            assignment.tracker.position = to  # so that it is known even if nothing comes
        if before is None:
            logger.info("%s[%d]: nothing was committed yet, starting at offset %d", *partition, to)
        else:
            self.statistics.topic(partition.topic).jumps += 1
            logger.error(
                "%s[%d]: offset %d does not exist any more, going on at %d: records were deleted"
                " before they were read, or the topic was made again",
                *partition,
                before,
                to,
            )

    async def _replace(self) -> None:
        """Put a new consumer in the place of one that will not recover."""
        logger.error("the consumer will not recover and is replaced: %s", self.trouble)
        self.joined = False
        await self._revoked(set(self.assignments))
        await self._kafka.stop()
        self.moved_at = time.monotonic()
        self._kafka = self._connect(self._moved)
        await self._kafka.start(self._all, self._revoked, self._assigned)
        self._broken = False
        self.moved_at = time.monotonic()
        self.statistics.rebuilds += 1


def _names(partitions: Iterable[Partition]) -> str:
    return ", ".join(f"{topic}[{number}]" for topic, number in partitions) or "nothing"


def _read_again(count: int) -> str:
    if not count:
        return "all that was taken is finished"
    return f"{count} records that were taken and not finished are read again by the next owner"

"""The engine: takes records, gives them to handlers by key, commits what is finished.

    poll task --> queues by key --> workers --> the pipeline --> offset tracker --> committer

There is one poll task, which never waits for a handler: a slow handler costs the instance
neither heartbeats nor partitions. `workers.py` has the queues and what works on them,
`assignments.py` what is known of each partition, `committing.py` the commits.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from .addresses import also, family
from .assignments import Assignment, Assignments
from .committing import Committer
from .contract import Topic
from .delivery import Step
from .descriptions import describe
from .interceptors.outage import Held
from .kafka import ConsumerBrokenError, KafkaConsumer, Moved, Partition
from .settings import KafkaSettings
from .statistics import Statistics
from .workers import Workers

logger = logging.getLogger(__name__)

SIGN_OF_LIFE_S: Final = 5.0
"""The group is told at least so often that this member is alive, however busy it is."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0


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
        # What comes over the replay topic finds its own topic, or is no message of this one.
        self._all = also(topics, Topic(replay, messages=(), unknown="dead-letter"))
        self._settings = settings
        self.statistics = statistics
        self.held = held
        self._partitions = Assignments(self._all, replay, settings, statistics)
        self._changed = asyncio.Event()
        """Something was taken up or ended: there may be room, or a drain may be over."""
        self._workers = Workers(settings.max_concurrent_handlers, topics, held, self._changed)
        self._committer = Committer(lambda: self._kafka, statistics)
        self._stopping = False
        self._broken = False
        """Whether the consumer must be replaced, for it will not recover."""
        self._tasks: list[asyncio.Task[None]] = []
        self.joined = False
        """Whether the group has given this member an assignment, an empty one included."""
        self.trouble: str | None = None
        """Why nothing can be taken at present, for people; none if all is well."""
        self.moved_at = time.monotonic()
        """When the poll task last went round: that it does is this instance's sign of life."""

    async def start(self, handle: Step) -> None:
        """Join the group and begin to handle."""
        self._workers.start(handle)
        await self._kafka.start(self._all, self._revoked, self._assigned)
        self._tasks = [
            asyncio.create_task(self._poll(), name="kafka poll"),
            asyncio.create_task(self._commit_regularly(), name="kafka commit"),
        ]

    async def stop(self) -> None:
        """Take nothing new, finish what runs, commit, leave the group. Bounded in time."""
        self._stopping = True
        self._changed.set()
        if not self._tasks:  # the start has failed
            await self._kafka.stop()
            return
        poll, commits = self._tasks
        try:
            # A fetch is never cancelled; a rebalance under way may hold it for a while.
            await asyncio.gather(
                self._drain(self.assignments.values()),
                asyncio.wait((poll,), timeout=self._settings.drain_timeout_s),
            )
        finally:  # who cannot wait for the handlers leaves the group all the same
            commits.cancel()
            await asyncio.wait((commits,))
            await self._workers.stop(FIRST_PAUSE_S)
            await self._committer.commit(self.assignments.values())
            left = self.in_flight
            await self._kafka.stop()
            logger.info("left the group: %s", _read_again(left))
            poll.cancel()
            await asyncio.wait((poll,), timeout=FIRST_PAUSE_S)

    async def pause(self, seconds: float) -> None:
        """Wait, as a message that is to be tried again; see `Workers.pause`."""
        await self._workers.pause(seconds)

    def changed(self) -> None:
        """Look again at what may be taken."""
        self._workers.changed()

    @property
    def assignments(self) -> Mapping[Partition, Assignment]:
        """The partitions that this instance has."""
        return self._partitions.now

    @property
    def in_flight(self) -> int:
        """How many records are taken and not finished."""
        return self._partitions.in_flight

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
        while not self._stopping:
            self.moved_at = time.monotonic()
            try:
                if self._broken:
                    await self._replace()
                eligible = await self._room()
                batch = await self._kafka.take(eligible, self._partitions.at_most)
                if not self._stopping:  # else it is left to whoever reads it next
                    for lane, keys, records in self._partitions.note(batch):
                        self._workers.add(lane, keys, records)
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

    async def _room(self) -> list[Partition]:
        """Wait until partitions may be taken from; for as long as the group has patience."""
        eligible = self._eligible()
        with suppress(TimeoutError):
            async with asyncio.timeout(SIGN_OF_LIFE_S):
                while not eligible and not self._stopping:
                    self._changed.clear()
                    await self._changed.wait()
                    eligible = self._eligible()
        return eligible

    def _eligible(self) -> list[Partition]:
        """From which partitions to take: none unless a handler is free for what comes."""
        if self.held or not self._workers.free:
            return []
        return self._partitions.eligible()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_interval_ms / 1000)
            try:
                self._pass_gaps()
                await self._committer.commit(self.assignments.values())
            except Exception:  # nothing may end the commit task
                logger.exception("offsets not committed, tried again later")

    def _pass_gaps(self) -> None:
        """See where all that was taken is finished how far there is nothing more to take.

        The markers of transactions have offsets too: without that the last one would for ever
        look like a record that waits to be handled.
        """
        if self._stopping:
            return  # what is read from now on is not taken
        for partition, assignment in self.assignments.items():
            tracker = assignment.tracker
            if not tracker.in_flight and (position := self._kafka.position(partition)) is not None:
                tracker.position = position

    # Rebalancing

    async def _assigned(self, partitions: set[Partition]) -> None:
        self._partitions.give(partitions)
        self.joined = True
        self.statistics.rebalances += 1
        logger.info("assigned: %s", _names(self.assignments))
        self._changed.set()

    async def _revoked(self, partitions: set[Partition]) -> None:
        """Finish what runs of these partitions, commit, let go. Awaited by the group."""
        gone = self._partitions.take_back(partitions)
        await self._drain(gone)
        await self._committer.commit(gone)
        if gone:
            left = sum(assignment.tracker.in_flight for assignment in gone)
            names = _names(sorted(assignment.partition for assignment in gone))
            logger.info("revoked: %s; %s", names, _read_again(left))

    async def _drain(self, assignments: Collection[Assignment]) -> None:
        """Finish what runs of some partitions, and begin nothing; bounded in time."""
        assignments = set(assignments)
        self._workers.drop(self._partitions.lanes(assignments))
        for assignment in assignments:
            assignment.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_timeout_s):
                while any(assignment.running for assignment in assignments):
                    self._changed.clear()
                    await self._changed.wait()
        for assignment in assignments:
            assignment.ended = True
        running = sum(assignment.running for assignment in assignments)
        if running:
            logger.warning(
                "%d handlers outlived the drain: their records are handled again elsewhere", running
            )

    def _moved(self, partition: Partition, before: int | None, to: int) -> None:
        """Kafka no longer had, or never had, the position to read from."""
        assignment = self.assignments.get(partition)
        # What is in flight will say itself how far it got; else nothing would say it.
        if assignment is not None and not assignment.tracker.in_flight:
            assignment.tracker.position = to
        if before is None:
            logger.info("%s[%d]: nothing was committed yet, starting at offset %d", *partition, to)
        else:
            name = family(partition.topic, self._all[partition.topic])
            self.statistics.topic(name).jumps += 1
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

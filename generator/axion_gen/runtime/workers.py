"""Workers: tasks that take the next record that is ready, and see it to its end.

There are as many as there may be handlers. One whose message waits to be tried again has
another in its place meanwhile.
"""

import asyncio
import logging
from collections.abc import Awaitable, Collection, Hashable, Iterable, Mapping
from contextvars import Context, ContextVar, copy_context
from time import perf_counter as clock
from typing import Final

from .assignments import Assignment, PartitionLane
from .context import current, turn_to
from .contract import Topic
from .dead_letters import origin
from .delivery import Delivery, LetGoError, Step
from .headers import Record
from .interceptors.insistence import insist
from .interceptors.outage import Held
from .queues import KeyQueues

logger = logging.getLogger(__name__)

BREATH_S: Final = 0.01
"""After so long without a wait a worker lets the event loop turn: heartbeats must go out."""
PATIENCE_S: Final = 1.0
"""A partition is not given back before shorter pauses are over; longer ones end there."""


class Worker:
    """Where a worker is."""

    __slots__ = ("assignment",)

    assignment: Assignment
    """Whose record it has."""


_here: ContextVar[Worker | None] = ContextVar("axion_worker", default=None)


class Workers:
    """The queues by key, and the tasks that work on them."""

    def __init__(
        self, limit: int, topics: Mapping[str, Topic], held: Held, changed: asyncio.Event
    ) -> None:
        self._limit = limit
        self._topics = topics
        self._held = held
        self._changed = changed
        """Set when there may be room for more, or when all that ran of a partition has ended."""
        self._queues: KeyQueues[Assignment, Record] = KeyQueues()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pausing = 0
        self._employing = False
        """Whether `_employ` is about to be called, as soon as the event loop comes to it."""
        self._lingering = 0
        """How many workers take nothing up before the event loop has turned."""
        self._crowded = False
        """Whether there may be more workers at work than handlers allowed."""

    def start(self, handle: Step) -> None:
        """Begin; `handle` sees a delivery to its end."""
        self._handle = handle
        # A worker is employed by another's message, whose context it must not have.
        self._context: Context = copy_context()
        self._context.run(current.set, None)

    @property
    def free(self) -> bool:
        """Whether a handler is free for what comes: nothing that is here already waits for it."""
        return not self._queues.ready and self._places() + self._lingering > 0

    def add(self, lane: PartitionLane, keys: Iterable[Hashable], records: Iterable[Record]) -> None:
        """Have records of a partition handled, each behind the others of its key."""
        self._queues.add(lane, keys, records)
        if not self._lingering:
            self._employ()

    def drop(self, lanes: Collection[PartitionLane]) -> None:
        """Forget what has not begun of partitions that are given back."""
        for lane in self._queues.drop(lanes):
            lane.owner.statistics.dropped += 1

    def changed(self) -> None:
        """Look again at what may be taken, and whether another worker may be employed."""
        self._employ()
        self._changed.set()

    async def pause(self, seconds: float) -> None:
        """Wait, and let another worker have this one's place meanwhile.

        A second or more it waits no longer than until another message is over an outage.

        Raises:
            LetGoError: the message's partition is given back, so it is no more to wait for.
        """
        worker = _here.get()
        assignment = None if worker is None else worker.assignment
        patient = assignment is None or seconds < PATIENCE_S
        self._pausing += 1
        self.changed()
        try:
            if assignment is None or patient:
                await asyncio.sleep(seconds)
            else:
                await asyncio.wait(
                    (assignment.ending, self._held.recovery),
                    timeout=seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self._pausing -= 1
            self._crowded = self._places() < 0
        if assignment is not None and (
            assignment.ended or (assignment.ending.done() and not patient)
        ):
            raise LetGoError

    async def stop(self, seconds: float) -> None:
        """Cancel those that are still at work, and wait so long for them at most."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:  # a thread cannot be cancelled, and nobody waits for it for ever
            await asyncio.wait(self._tasks, timeout=seconds)

    def _places(self) -> int:
        """How many more workers may be at work. What is held counts: an outage spreads no wider."""
        return self._limit - (len(self._tasks) - self._pausing + self._held.count)

    def _employ(self) -> None:
        """Have one more worker, if there is something to do and a handler may run.

        It has the next one employed as soon as it waits for something: where handlers wait
        for nothing, one worker does all.
        """
        self._employing = False
        if not self._queues.ready:
            self._changed.set()  # all that was taken is at work
        elif self._places() > 0:
            worker = asyncio.get_running_loop().create_task(
                self._work(), name="kafka worker", context=self._context.copy()
            )
            self._tasks.add(worker)
            worker.add_done_callback(self._left)

    def _left(self, worker: "asyncio.Task[None]") -> None:
        self._tasks.discard(worker)
        self._crowded = self._places() < 0
        self.changed()  # several may have left as surplus at once

    async def _work(self) -> None:
        worker = Worker()
        _here.set(worker)
        queues, handle, held, loop = (
            self._queues,
            self._handle,
            self._held,
            asyncio.get_running_loop(),
        )
        breath = clock() + BREATH_S
        while queues.ready and not (self._crowded and self._places() < 0):
            if not self._employing:
                self._employing = True
                loop.call_soon(self._employ)  # it comes to that when this one waits
            lane, key, record = queues.ready.popleft()
            locked = key in lane.behind if lane.behind else False
            if locked and queues.wait(lane, key, record):
                continue
            assignment = lane.owner
            delivery = Delivery(record, assignment.topic, assignment.statistics)
            if assignment.replayed:
                self._find_topic(delivery)
            entries = held.entries
            try:
                rest = handle(delivery)
            except Exception as error:  # not the handler's: ours
                rest = self._again(delivery, error)
            if rest is not None or locked:
                worker.assignment = assignment
                queues.lock(lane, key)
                await self._finish(lane, key, delivery, entries, rest)
            else:  # nothing else has run meanwhile, so nothing need know of it
                assignment.tracker.finish(record)
                if held.count:
                    held.ended(delivery, entries)
            if not queues.ready or clock() > breath:  # the poll task may have more at hand
                await self._linger()
                breath = clock() + BREATH_S

    async def _linger(self) -> None:
        """Let the event loop turn, and stay employed."""
        self._changed.set()
        self._lingering += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._lingering -= 1

    async def _finish(
        self,
        lane: PartitionLane,
        key: Hashable,
        delivery: Delivery,
        entries: int,
        rest: Awaitable[None] | None,
    ) -> None:
        """See a delivery to its end; until then its key is locked."""
        assignment = lane.owner
        assignment.running += 1
        try:
            try:
                if rest is not None:
                    await rest
            except Exception as error:  # as above
                await self._again(delivery, error)
            else:
                if self._held.count:
                    self._held.ended(delivery, entries)
        except LetGoError:
            logger.info("%s: let go, as its partition is given back", delivery.place)
        else:
            assignment.tracker.finish(delivery.record)
        finally:
            assignment.running -= 1
            self._queues.release(lane, key)
            if not self._queues.ready or not assignment.running:
                self._changed.set()

    async def _again(self, failed: Delivery, error: Exception) -> None:
        """Begin again with what cannot be brought to an end, until it can be: nothing is skipped.

        That is a fault of the runtime, and shown as one.
        """
        turn_to(failed)
        logger.error("%s: cannot be brought to an end", failed.place, exc_info=error)

        async def handle() -> None:
            delivery = Delivery(failed.record, failed.topic, failed.statistics)
            delivery.origin = failed.origin
            rest = self._handle(delivery)
            if rest is not None:
                await rest

        await insist(handle, "cannot be brought to an end", failed, self.pause)

    def _find_topic(self, delivery: Delivery) -> None:
        """A replayed record goes to the handlers of the topic it was first read from."""
        delivery.origin = came_from = origin(delivery.record)
        if came_from is not None:
            delivery.topic = self._topics.get(came_from.topic, delivery.topic)

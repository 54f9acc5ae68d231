"""A bounded number of handlers runs at once, each for a bounded time (standard, section 7)."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from time import perf_counter as clock
from typing import Final

from ..delivery import Delivery, Handle
from ..errors import BusError
from ..stepping import resume

logger = logging.getLogger(__name__)

BLOCKING_S: Final = 1.0
"""A handler that lets nothing else run for so long is named in the log."""


class HandlerTimeoutError(BusError):
    """A handler ran longer than `KAFKA_HANDLER_TIMEOUT_S`."""


class HandlerCancelledError(BusError):
    """A handler ended by a cancellation that was not meant for it: of a task it awaited."""


class Places:
    """So many may run at once; who waits comes in the order of asking.

    An `asyncio.Semaphore` of which several permits can be had at once, so that a message
    that may have killed the process can run alone.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.free = limit
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int) -> None:
        """Wait for so many places."""
        if self.free >= count and not self.waiting:
            self.free -= count
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append((count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(count)
            else:
                self.waiting.remove((count, turn))
                self.give(0)
            raise

    def give(self, count: int) -> None:
        """Give places back."""
        self.free += count
        while self.waiting and self.waiting[0][0] <= self.free:
            needed, turn = self.waiting.popleft()
            self.free -= needed
            turn.set_result(None)


@dataclass(frozen=True, slots=True)
class Slots:
    """Holds a slot for each attempt, and ends it when its time is up."""

    places: Places
    timeout_s: float
    """0 for no limit."""

    def wrap(self, following: Handle) -> Handle:
        """Run one attempt in a slot, or in all of them what never ended before."""
        places = self.places

        async def handle(delivery: Delivery) -> None:
            count = 1 if delivery.deliveries == 1 else places.limit
            if places.free >= count and not places.waiting:
                places.free -= count
            else:
                await places.take(count)
            delivery.attempts += 1
            begun = clock()
            try:
                attempt = following(delivery)
                # A handler that waits for nothing needs no clock: it cannot be interrupted.
                try:
                    awaited = attempt.send(None)
                except StopIteration:
                    if clock() - begun > BLOCKING_S:
                        _complain_of_blocking(delivery, clock() - begun)
                    return
                watch = partial(_complain_of_blocking, delivery)
                watch(clock() - begun)
                await self._in_time(resume(attempt, awaited, watch))
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                raise HandlerCancelledError("the handler let a cancellation out") from error
            finally:
                seconds = clock() - begun
                delivery.statistics.durations.add(seconds)
                places.free += count
                if places.waiting:
                    places.give(0)

        return handle

    async def _in_time(self, attempt: Awaitable[None]) -> None:
        timeout = asyncio.timeout(self.timeout_s or None)
        try:
            async with timeout:
                await attempt
        except TimeoutError:
            if not timeout.expired():  # the handler's own
                raise
            raise HandlerTimeoutError(f"the handler ran longer than {self.timeout_s:g} s") from None


def _complain_of_blocking(delivery: Delivery, seconds: float) -> None:
    """Say which handler kept the event loop, and with it the heartbeats, from going on."""
    if seconds > BLOCKING_S:
        logger.warning(
            "%s: `%s` blocked the event loop for %.1f s, heartbeats included:"
            " make it a plain `def`, which runs in a thread, or await what it waits for",
            delivery.place,
            delivery.message.handler if delivery.message else None,
            seconds,
        )

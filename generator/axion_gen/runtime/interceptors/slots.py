"""A bounded number of handlers runs at once, each for a bounded time (standard, section 7)."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from time import perf_counter as clock
from typing import Final

from ..context import turn_to
from ..delivery import Delivery, Handle, Step
from ..descriptions import describe
from ..errors import ENDS, BusError
from ..stepping import DONE, resume
from .time_limit import TimeLimit

logger = logging.getLogger(__name__)

BLOCKING_S: Final = 1.0
"""A handler that lets nothing else run for so long is named in the log."""


class HandlerCancelledError(BusError):
    """A handler ended by a cancellation that was not meant for it: of a task it awaited."""


class HandlerBrokenError(BusError):
    """A handler raised what is no `Exception`: a library in Rust that panics, for one."""


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
            # It may have had its turn before the cancellation came through.
            self.give(0 if turn.cancelled() else count)
            raise

    def give(self, count: int) -> None:
        """Give places back."""
        self.free += count
        while self.waiting:
            needed, turn = self.waiting[0]
            if turn.cancelled():
                needed = 0  # whoever waited has gone
            elif needed > self.free:
                return
            else:
                turn.set_result(None)
            self.waiting.popleft()
            self.free -= needed


@dataclass(frozen=True, slots=True)
class Slots:
    """Holds a slot for each attempt, and ends it when its time is up."""

    places: Places
    timeout_s: float
    """0 for no limit."""

    def wrap(self, following: Handle) -> Step:  # noqa: C901 - for each message, so in one piece
        """Run one attempt in a slot, or in all of them what never ended before."""
        places, limit = self.places, TimeLimit(self.timeout_s)

        def attempt(delivery: Delivery, waited: bool = False) -> Awaitable[None] | None:
            count = 1 if delivery.deliveries == 1 else places.limit
            if not waited:
                if places.free < count or places.waiting:
                    return self._wait(delivery, count, attempt)
                places.free -= count
            delivery.attempts += 1
            awaited: object = DONE
            begun = clock()
            try:
                steps = following(delivery)
                # What it sets of context variables is gone with it.
                run = copy_context().run
                awaited = run(next, steps.__await__(), DONE)
            except asyncio.CancelledError as error:
                raise _cancelled() from error
            except (Exception, *ENDS):
                raise
            except BaseException as error:
                raise _broken(error) from error
            finally:
                if awaited is DONE:
                    seconds = clock() - begun
                    if seconds > BLOCKING_S:
                        _complain_of_blocking(delivery, seconds)
                    delivery.statistics.durations.add(seconds)
                    places.free += count
                    if places.waiting:
                        places.give(0)
            # A handler that waits for nothing needs no timer: it cannot be interrupted.
            if awaited is DONE:
                return None
            watch = partial(_complain_of_blocking, delivery)
            rest = limit.keep(resume(steps, awaited, run, watch))
            return self._finish(delivery, count, begun, rest)

        return attempt

    async def _wait(
        self,
        delivery: Delivery,
        count: int,
        attempt: Callable[[Delivery, bool], Awaitable[None] | None],
    ) -> None:
        await self.places.take(count)
        rest = attempt(delivery, True)
        if rest is not None:
            await rest

    async def _finish(
        self, delivery: Delivery, count: int, begun: float, rest: Awaitable[None]
    ) -> None:
        try:
            _complain_of_blocking(delivery, clock() - begun)
            await _uncancelled(rest)
        finally:
            delivery.statistics.durations.add(clock() - begun)
            self.places.give(count)


async def _uncancelled(attempt: Awaitable[None]) -> None:
    """Tell the end of this worker from cancellations that the handler has caused."""
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("an attempt is awaited in a task")
    before = task.cancelling()
    ending = False
    try:
        await attempt
    except asyncio.CancelledError as error:
        ending = task.cancelling() > before
        if ending:
            raise
        raise _cancelled() from error
    except (Exception, *ENDS):
        raise
    except BaseException as error:
        raise _broken(error) from error
    finally:
        # A library that wakes up its task in this way may leave its request behind.
        while not ending and task.cancelling() > before:
            task.uncancel()


def _broken(error: BaseException) -> HandlerBrokenError:
    return HandlerBrokenError(describe(error)).with_traceback(error.__traceback__)


def _cancelled() -> HandlerCancelledError:
    return HandlerCancelledError("the handler let a cancellation out")


def _complain_of_blocking(delivery: Delivery, seconds: float) -> None:
    """Say which handler kept the event loop, and with it the heartbeats, from going on."""
    if seconds > BLOCKING_S:
        turn_to(delivery)
        logger.warning(
            "%s: `%s` blocked the event loop for %.1f s, heartbeats included:"
            " make it a plain `def`, which runs in a thread, or await what it waits for",
            delivery.place,
            delivery.message.handler if delivery.message else None,
            seconds,
        )

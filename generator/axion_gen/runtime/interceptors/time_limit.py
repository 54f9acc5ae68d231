"""Handlers that run too long are ended: one timer for all that run."""

import asyncio
from collections.abc import Awaitable

from ..errors import BusError


class HandlerTimeoutError(BusError):
    """A handler ran longer than `KAFKA_HANDLER_TIMEOUT_S`."""


class _Running:
    __slots__ = ("expired", "task", "until")

    def __init__(self, task: asyncio.Task[None], until: float) -> None:
        self.task = task
        self.until = until
        self.expired = False


class TimeLimit:
    """Ends what takes longer than `seconds`; 0 for no limit.

    As `asyncio.timeout` does, but that has a timer for each message, and the event loop keeps
    those that were not needed. All limits being equal, who began first is due first.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._running: dict[_Running, None] = {}
        """In the order in which they are due."""
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, attempt: Awaitable[None]) -> None:
        """Await it.

        Raises:
            HandlerTimeoutError: it has been cancelled, for its time was up.
        """
        task = asyncio.current_task()
        if task is None or not self.seconds:
            return await attempt
        loop = asyncio.get_running_loop()
        running = _Running(task, loop.time() + self.seconds)
        self._running[running] = None
        if self._timer is None:
            self._timer = loop.call_at(running.until, self._sweep, loop)
        before = task.cancelling()
        try:
            await attempt
        except asyncio.CancelledError:
            if running.expired and task.cancelling() <= before + 1:
                raise HandlerTimeoutError(
                    f"the handler ran longer than {self.seconds:g} s"
                ) from None
            raise
        finally:
            del self._running[running]
            if running.expired:
                task.uncancel()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for running in self._running:
            if running.expired:
                continue  # it takes its time to end
            if running.until > now:
                self._timer = loop.call_at(running.until, self._sweep, loop)
                return
            running.expired = True
            running.task.cancel()

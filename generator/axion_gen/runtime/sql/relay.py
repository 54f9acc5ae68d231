"""The relay: sends what is in the outbox, one instance of the service at a time.

It sends at least once: after a crash between acknowledgement and deletion a row is sent
again, with the same message id. What is sent again comes after its first time, so whoever
skips what it has seen sees each key in order.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)
from sqlalchemy.pool import (  # type: ignore[import-not-found,unused-ignore]
    StaticPool,
)

from ..errors import StartError
from .failures import reason
from .lanes import Lanes, Send
from .lease import Lease
from .unsent import Look, Unsent

logger = logging.getLogger(__name__)

REST_S = 0.01
"""The time between two looks at the table, at least: the commits of that time share one."""
RESTS = 3
"""It is also so many times as long as the look took, up to `BUSY_S`, and then as long as that
took: a busy database has its time for others."""
BUSY_S = 0.2
"""How long what is acknowledged stays in the table, at most, while others are on their way."""
LOOK_S = 5.0
"""How often the rows are counted."""
DATABASE_TIMEOUT_S = 30.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
"""The pauses before the database is tried again double from the first to this."""
STOP_S = 5.0
"""How long what is on its way may take when the relay stops."""
FAREWELL_S = 2.0
"""How long each of the two steps after that may take."""


class Relay:
    """Sends the rows of a service's outbox, and deletes what is acknowledged.

    A topic that takes no records is tried again after 1 s, doubling to 30 s, one record at a
    time; nothing is parked because brokers are away. A row that can never be sent is parked
    with its error, and what follows of its key waits behind it; so is one that its topic has
    refused again and again. See `unpark`.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        service: str,
        send: Send,
        *,
        poll_s: float = 1.0,
        lease_s: float = 15.0,
    ) -> None:
        """Make it.

        Args:
            engine: the service's database.
            service: whose outbox it is.
            send: sends a record.
            poll_s: how often to look for what other instances have committed, in seconds.
            lease_s: how long after a crash another instance takes over, in seconds.
        """
        self._service = service
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._in_memory = isinstance(engine.pool, StaticPool)
        self._lease = Lease(engine, f"outbox:{service}", lease_s)
        self._unsent = Unsent(engine, service)
        self._signal = asyncio.Event()
        self._stopping = asyncio.Event()
        self._lanes = Lanes(send, self._may_send, self.wake)
        self._looping: list[asyncio.Task[None]] = []
        self._look = Look(0, 0, 0.0)
        self._looked_at = 0.0

    @property
    def leader(self) -> bool:
        """Whether this instance is the one that sends."""
        return self._lease.held

    @property
    def sent(self) -> int:
        """How many were acknowledged here."""
        return self._lanes.sent

    @property
    def pending(self) -> int:
        """How many rows were to be sent at the last look, some seconds ago."""
        return self._look.pending

    @property
    def parked(self) -> int:
        """How many were parked at the last look: each waits for a person."""
        return self._look.parked

    @property
    def oldest_age_s(self) -> float:
        """The age of the oldest row that is to be sent, in seconds, as far as it is known."""
        if not self._look.pending:
            return 0.0
        return self._look.oldest_age_s + time.monotonic() - self._looked_at

    def wake(self) -> None:
        """Say that something was committed: it is sent at once."""
        self._signal.set()

    async def start(self) -> None:
        """Begin; the database may be away.

        Raises:
            StartError: it is in memory, so that all transactions would share one connection.
        """
        if self._in_memory:
            raise StartError(
                "the outbox needs a database of which there can be several connections:"
                " SQLite in a file, or PostgreSQL"
            )
        self._looping = [
            asyncio.create_task(self._repeat(step, what), name=f"outbox: {what}")
            for step, what in (
                (self._lead, "take the lease"),
                (self._turn, "read and write the rows"),
                (self._count, "count the rows"),
            )
        ]

    async def stop(self) -> None:
        """Finish what is on its way, and give the lease up: within 10 s."""
        self._stopping.set()
        self._signal.set()
        tasks = [*self._looping, *self._lanes.tasks]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=FAREWELL_S)
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._exchange(take=False)
                await self._lease.release()
        except Exception as error:  # it stops all the same: the lease ends by itself
            logger.warning("outbox: the database is away at the end: %s", _reason(error))

    def _may_send(self) -> bool:
        return self._lease.held and not self._stopping.is_set()

    # What repeats

    async def _repeat(self, step: Callable[[], Awaitable[None]], what: str) -> None:
        """Do a step again and again; after an error with longer and longer pauses."""
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                await step()
            except Exception as error:  # whatever it is: who else would send the rows?
                logger.warning(
                    "outbox: cannot %s, next try in %g s: %s", what, pause, _reason(error)
                )
                await self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                pause = FIRST_PAUSE_S

    async def _pause(self, seconds: float) -> None:
        """Wait, unless it stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _lead(self) -> None:
        led = self._lease.held
        async with asyncio.timeout(self._lease_s):
            leads = await self._lease.take()
        if leads and not led:
            logger.info("outbox: this instance sends for %s", self._service)
            self._signal.set()
        elif led and not leads:
            logger.warning("outbox: another instance sends for %s", self._service)
        await self._pause(self._lease_s / 3 if leads else min(self._poll_s, self._lease_s / 3))

    async def _count(self) -> None:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            self._look = await self._unsent.look()
        self._looked_at = time.monotonic()
        await self._pause(LOOK_S)

    async def _turn(self) -> None:
        """Look at the table once, and wait until it is worth another look."""
        began = time.monotonic()
        self._signal.clear()
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await self._exchange(take=self._may_send())
        now = time.monotonic()
        took = now - began
        rested = now + max(REST_S, took, min(RESTS * took, BUSY_S))
        pause = self._poll_s if self._lanes.idle else min(self._poll_s, BUSY_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(pause, self._lanes.next_try - now)):
                await self._signal.wait()
        await self._pause(rested - time.monotonic())

    async def _exchange(self, *, take: bool) -> None:
        """Tell the table what became of rows, and take the next ones."""
        exchange = self._lanes.exchange(take=take)
        rows = []
        if take or exchange.writes:
            try:
                rows = await self._unsent.apply(exchange)
            except BaseException:
                self._lanes.undo(exchange)
                raise
        self._lanes.done(exchange, rows)


def _reason(error: Exception) -> str:
    return reason(error) or type(error).__name__

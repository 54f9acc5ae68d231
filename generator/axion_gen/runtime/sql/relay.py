"""The relay: sends what is in the outbox, one instance of the service at a time.

It sends at least once: after a crash between acknowledgement and deletion a row is sent
again, with the same message id. What is sent again comes after its first time, so whoever
skips what it has seen sees each key in order.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)
from sqlalchemy.pool import (  # type: ignore[import-not-found,unused-ignore]
    StaticPool,
)

from ..errors import EmitError, RecordRefusedError, StartError, TopicRefusedError
from ..headers import RawHeaders
from .failures import reason
from .lease import Lease
from .outbox import from_text
from .unsent import Look, Refusal, Row, Unsent

logger = logging.getLogger(__name__)

Send = Callable[[str, bytes | None, bytes | None, RawHeaders], Awaitable[None]]
"""Sends a record: address of the channel, key, value, headers. Raises `EmitError`."""

WINDOW = 500
"""How many rows are in memory at most."""
AT_ONCE = 100
"""How many are on their way at most, of different keys."""
ATTEMPTS = 6
"""How often a topic may refuse before rows are parked: half a minute, with the pauses."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
REST_S = 0.01
"""The time between two looks at the table, at least: the commits of that time share one. It is
also at least as long as the look took, so that a slow database has time for others."""
BUSY_S = 0.2
"""How long what is acknowledged stays in the table, at most, while others are on their way."""
LOOK_S = 5.0
"""How often the rows are counted."""
DATABASE_TIMEOUT_S = 30.0
DATABASE_PAUSE_S = 10.0
"""The longest pause before the database is tried again."""
STOP_S = 5.0
"""How long what is on its way may take when the relay stops."""
FAREWELL_S = 2.0
"""How long each of the two steps after that may take."""


@dataclass(slots=True)
class _Hold:
    """A topic that takes no records for now."""

    since: float = 0.0
    until: float = 0.0
    failures: int = 0
    refusals: int = 0
    """How many of the last failures were the brokers' own word, one after the other."""


@dataclass(slots=True)
class _Window:
    """The rows in memory."""

    lanes: dict[tuple[str, bytes | int], deque[Row]] = field(default_factory=dict)
    """What waits or is on its way; a lane is sent one after the other."""
    taken: set[int] = field(default_factory=set)
    """Ids of all rows in memory, and of those below: they are not taken again."""
    sent: list[int] = field(default_factory=list)
    """Acknowledged, not yet deleted."""
    refused: list[Refusal] = field(default_factory=list)
    """Not yet parked."""
    let_go: set[tuple[str, bytes | int]] = field(default_factory=set)
    """Lanes that were let go since the last look began: what that brings of them is too old."""

    @property
    def unsent(self) -> int:
        return len(self.taken) - len(self.sent) - len(self.refused)


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
        self.sent = 0
        """How many were acknowledged here."""
        self._look = Look(0, 0, 0.0)
        self._looked_at = 0.0
        self._service = service
        self._send = send
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._lease = Lease(engine, f"outbox:{service}", lease_s)
        self._unsent = Unsent(engine, service)
        self._in_memory = isinstance(engine.pool, StaticPool)
        self._window = _Window()
        self._holds: dict[str, _Hold] = {}
        self._more = False
        """Whether the last look has left rows in the table."""
        self._places = asyncio.Semaphore(AT_ONCE)
        self._signal = asyncio.Event()
        self._stopping = asyncio.Event()
        self._looping: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def leader(self) -> bool:
        """Whether this instance is the one that sends."""
        return self._lease.held

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
        tasks = [*self._looping, *self._sending]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=FAREWELL_S)
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._update(take=False)
                await self._lease.release()
        except Exception as error:  # it stops all the same: the lease ends by itself
            logger.warning("outbox: the database is away at the end: %s", _reason(error))

    # What repeats

    async def _repeat(self, step: Callable[[], Awaitable[None]], what: str) -> None:
        """Do a step again and again; after an error with longer and longer pauses."""
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                await step()
            except Exception as error:  # whatever it is, a relay that ends would lose its rows
                logger.warning(
                    "outbox: cannot %s, next try in %g s: %s", what, pause, _reason(error)
                )
                await self._pause(pause)
                pause = min(2 * pause, DATABASE_PAUSE_S)
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
            await self._update(take=self._lease.held)
        now = time.monotonic()
        rested = now + max(REST_S, now - began)
        pause = min(self._poll_s, BUSY_S) if self._window.taken else self._poll_s
        for hold in self._holds.values():
            if hold.until > now:
                pause = min(pause, hold.until - now)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._signal.wait()
        await self._pause(rested - time.monotonic())

    # Rows

    async def _update(self, *, take: bool) -> None:
        """Write what became of rows, and take the next ones."""
        window = self._window
        # From here to `update` nothing may happen in between: a lane that is let go later has
        # all its rows in `without`.
        window.let_go.clear()
        sent, window.sent = window.sent, []
        refused, window.refused = window.refused, []
        now = time.monotonic()
        limit = WINDOW - len(window.taken) + len(sent) + len(refused)
        held = [topic for topic, hold in self._holds.items() if hold.until > now]
        trying = {topic for topic, _ in window.lanes}
        probes = [topic for topic in self._holds if topic not in held and topic not in trying]
        try:
            if not (take or sent or refused):
                return
            rows = await self._unsent.update(
                sent,
                refused,
                limit=limit if take else 0,
                without=window.taken.copy(),
                without_topics=[*self._holds],
                probes=probes if take else [],
            )
        except BaseException:
            window.sent += sent
            window.refused += refused
            raise
        window.taken.difference_update(sent, (refusal.row.id for refusal in refused))
        for refusal in refused:
            logger.error(
                "outbox: row %d cannot be sent to %s, and what follows of its key waits: %s",
                refusal.row.id,
                refusal.row.topic,
                refusal.error,
            )
        self._more = take and len(rows) >= limit
        for row in rows:
            self._take(row, probe=row.topic in probes)
        if take:
            for topic in {*probes}.difference(row.topic for row in rows):
                self._holds.pop(topic, None)  # nothing waits any more

    def _take(self, row: Row, *, probe: bool) -> None:
        window = self._window
        lane = row.lane
        if lane in window.let_go or self._stopping.is_set():
            return
        window.taken.add(row.id)
        if lane in window.lanes:
            window.lanes[lane].append(row)
            return
        window.lanes[lane] = deque((row,))
        task = asyncio.create_task(self._send_lane(lane, probe=probe))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_lane(self, lane: tuple[str, bytes | int], *, probe: bool) -> None:
        """Send what has one key, each after the one before it is acknowledged."""
        window = self._window
        rows = window.lanes[lane]
        topic, _ = lane
        try:
            while rows:
                async with self._places:
                    if self._stopping.is_set() or not self._lease.held:
                        break
                    if topic in self._holds and not probe:
                        break
                    if not await self._deliver(rows[0]):
                        break
                rows.popleft()
        finally:
            if rows:
                window.let_go.add(lane)
                refused = {refusal.row.id for refusal in window.refused}
                window.taken.difference_update(row.id for row in rows if row.id not in refused)
            del window.lanes[lane]
            # A probe is followed by all, or by a pause.
            if probe or not window.lanes or (self._more and window.unsent <= WINDOW // 2):
                self._signal.set()

    async def _deliver(self, row: Row) -> bool:
        """Send a row; whether it is acknowledged."""
        began = time.monotonic()
        try:
            headers = from_text(row.headers)
        except ValueError as error:
            self._refuse(Refusal(row, 0, str(error)))
            return False
        try:
            await self._send(row.topic, row.key, row.value, headers)
        except RecordRefusedError as error:
            self._refuse(Refusal(row, 1, str(error)))
            return False
        except TopicRefusedError as error:
            hold = self._hold(row.topic, began, error, refused=True)
            if hold.refusals >= ATTEMPTS:
                self._refuse(Refusal(row, hold.refusals, str(error)))
            return False
        except EmitError as error:
            self._hold(row.topic, began, error)
            return False
        except Exception as error:  # the row is still there, and nobody else would say so
            logger.exception("outbox: row %d could not be sent to %s", row.id, row.topic)
            self._hold(row.topic, began, error)
            return False
        self.sent += 1
        self._window.sent.append(row.id)
        if len(self._window.sent) == AT_ONCE:
            self._signal.set()
        resting = self._holds.get(row.topic)
        if resting is not None and began >= resting.since:
            del self._holds[row.topic]
            logger.warning("outbox: %s takes records again", row.topic)
        return True

    def _refuse(self, refusal: Refusal) -> None:
        self._window.refused.append(refusal)
        self._signal.set()

    def _hold(self, topic: str, began: float, error: Exception, *, refused: bool = False) -> _Hold:
        """Let a topic rest, after a record that was begun to be sent at a time has failed."""
        hold = self._holds.setdefault(topic, _Hold())
        if began < hold.since:
            return hold  # it was on its way already when another failed
        hold.failures += 1
        hold.refusals = hold.refusals + 1 if refused else 0
        hold.since = time.monotonic()
        if hold.refusals >= ATTEMPTS:
            return hold  # the row is parked instead; the next may be another matter
        pause = min(FIRST_PAUSE_S * 2 ** (hold.failures - 1), LONGEST_PAUSE_S)
        hold.until = hold.since + pause
        logger.warning("outbox: %s takes no records, next try in %g s: %s", topic, pause, error)
        return hold


def _reason(error: Exception) -> str:
    return reason(error) or type(error).__name__

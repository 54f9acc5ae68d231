"""What the relay has in memory: rows on their way, one after the other where they share a key.

A row is sent when every row of its key that was there before it is acknowledged. That holds
for each instance by itself, so it holds for all of them, whoever leads.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..errors import EmitError, RecordRefusedError, TopicRefusedError
from ..headers import RawHeaders
from .outbox import from_text
from .unsent import Exchange, LaneKey, Refusal, Row

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


@dataclass(slots=True)
class Rest:
    """A topic that takes no records for now."""

    since: float = 0.0
    until: float = 0.0
    failures: int = 0
    refusals: int = 0
    """How many of the last failures were the brokers' own word, one after the other."""


class Lanes:
    """Sends rows, and keeps what became of them until the table says so too."""

    def __init__(
        self, send: Send, may_send: Callable[[], bool], changed: Callable[[], None]
    ) -> None:
        """Make it.

        Args:
            send: sends a record.
            may_send: asked before each record: whether this instance leads.
            changed: called when the table is worth another look.
        """
        self.sent = 0
        """How many were acknowledged so far."""
        self.tasks: set[asyncio.Task[None]] = set()
        """Of the lanes, each until it is empty or let go."""
        self._send = send
        self._may_send = may_send
        self._changed = changed
        self._places = asyncio.Semaphore(AT_ONCE)
        self._lanes: dict[LaneKey, deque[Row]] = {}
        self._let_go: set[LaneKey] = set()
        """Since the last exchange began: what it brings of them is too old."""
        self._taken: set[int] = set()
        """Ids of all rows in memory, and of those below: they are not taken again."""
        self._acknowledged: list[int] = []
        """Not yet deleted."""
        self._refused: list[Refusal] = []
        """Not yet parked."""
        self._more = False
        """Whether the last exchange has left rows in the table."""
        self._resting: dict[str, Rest] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is in memory."""
        return not self._taken

    @property
    def next_try(self) -> float:
        """When a topic has rested, by the monotonic clock; infinity if none rests."""
        now = time.monotonic()
        pauses = [rest.until for rest in self._resting.values() if rest.until > now]
        return min(pauses, default=float("inf"))

    # Between here and the table

    def exchange(self, *, take: bool) -> Exchange:
        """What to tell the table, and what to take from it; `done` or `undo` must follow."""
        now = time.monotonic()
        # What is let go from here on is still among the rows not to take.
        self._let_go.clear()
        acknowledged, self._acknowledged = self._acknowledged, []
        refused, self._refused = self._refused, []
        at_work = {topic for topic, _ in self._lanes}
        return Exchange(
            acknowledged=acknowledged,
            refused=refused,
            limit=WINDOW - self._count(acknowledged, refused) if take else 0,
            without=self._taken.copy(),
            without_topics=[*self._resting],
            probes=[
                topic
                for topic, rest in self._resting.items()
                if take and rest.until <= now and topic not in at_work
            ],
        )

    def undo(self, exchange: Exchange) -> None:
        """Keep for the next one what the table was not told."""
        self._acknowledged += exchange.acknowledged
        self._refused += exchange.refused

    def done(self, exchange: Exchange, rows: list[Row]) -> None:
        """Forget what the table knows, and send what it has given."""
        self._taken.difference_update(
            exchange.acknowledged, (refusal.row.id for refusal in exchange.refused)
        )
        for row, _, error in exchange.refused:
            logger.error(
                "outbox: row %d cannot be sent to %s, and what follows of its key waits: %s",
                row.id,
                row.topic,
                error,
            )
        if exchange.limit > 0:
            self._more = len(rows) >= exchange.limit
        found = {row.topic for row in rows}
        for topic in exchange.probes:
            if topic not in found:
                self._resting.pop(topic, None)  # nothing waits any more
        for row in rows:
            if row.lane not in self._let_go:
                self._add(row, probe=row.topic in exchange.probes)

    def _count(self, acknowledged: list[int], refused: list[Refusal]) -> int:
        return len(self._taken) - len(acknowledged) - len(refused)

    # Sending

    def _add(self, row: Row, *, probe: bool) -> None:
        self._taken.add(row.id)
        lane = self._lanes.get(row.lane)
        if lane is not None:
            lane.append(row)
            return
        self._lanes[row.lane] = deque((row,))
        task = asyncio.create_task(self._run(row.lane, probe=probe), name="outbox lane")
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, key: LaneKey, *, probe: bool) -> None:
        """Send what has one key, each after the one before it is acknowledged."""
        rows = self._lanes[key]
        topic, _ = key
        try:
            while rows:
                async with self._places:
                    if not self._may_send() or (topic in self._resting and not probe):
                        break
                    if not await self._deliver(rows[0]):
                        break
                rows.popleft()
        finally:
            if rows:
                self._let_go.add(key)
                refused = {refusal.row.id for refusal in self._refused}
                self._taken.difference_update(row.id for row in rows if row.id not in refused)
            del self._lanes[key]
            left = self._count(self._acknowledged, self._refused)
            # A probe is followed by all of its topic, or by a pause.
            if probe or not self._lanes or (self._more and left <= WINDOW // 2):
                self._changed()

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
            rest = self._failed(row.topic, began, error, refused=True)
            if rest.refusals >= ATTEMPTS:
                self._refuse(Refusal(row, rest.refusals, str(error)))
            return False
        except EmitError as error:
            self._failed(row.topic, began, error)
            return False
        except Exception as error:  # the row is still there, and nobody else would say so
            logger.exception("outbox: row %d could not be sent to %s", row.id, row.topic)
            self._failed(row.topic, began, error)
            return False
        self._acknowledge(row, began)
        return True

    def _acknowledge(self, row: Row, began: float) -> None:
        self.sent += 1
        self._acknowledged.append(row.id)
        if len(self._acknowledged) == AT_ONCE:
            self._changed()
        rest = self._resting.get(row.topic)
        if rest is not None and began >= rest.since:
            del self._resting[row.topic]
            logger.warning("outbox: %s takes records again", row.topic)

    def _refuse(self, refusal: Refusal) -> None:
        self._refused.append(refusal)
        self._changed()

    def _failed(self, topic: str, began: float, error: Exception, *, refused: bool = False) -> Rest:
        """Let a topic rest, after a record that was begun to be sent at a time has failed."""
        rest = self._resting.setdefault(topic, Rest())
        if began < rest.since:
            return rest  # it was on its way already when another failed
        rest.failures += 1
        rest.refusals = rest.refusals + 1 if refused else 0
        rest.since = time.monotonic()
        if rest.refusals >= ATTEMPTS:
            return rest  # the row is parked instead; the next may be another matter
        pause = min(FIRST_PAUSE_S * 2 ** min(rest.failures - 1, 10), LONGEST_PAUSE_S)
        rest.until = rest.since + pause
        logger.warning("outbox: %s takes no records, next try in %g s: %s", topic, pause, error)
        return rest

"""A record that has been processed is not processed again (standard, section 6)."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from ..context import turn_to
from ..delivery import Delivery, LetGoError, Pause, Step
from ..stores import Begun, Store
from .insistence import insist

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Skips what was processed, and marks what comes to its end: handled or dead-lettered.

    A mark that cannot be written is tried again, and not the handler: what was done stays
    done. Until then the offset is not committed.
    """

    store: Store
    pause: Pause

    def wrap(self, following: Step) -> Step:
        """Handle a delivery once."""
        return _Once(self.store, self.pause, following).handle


@dataclass(frozen=True, slots=True)
class _Once:
    store: Store
    pause: Pause
    following: Step

    def handle(self, delivery: Delivery, begun: Begun | None = None) -> Awaitable[None] | None:
        if begun is None:
            try:
                found = self.store.begin(delivery)
            except Exception:  # the store's outage is nobody's dead letter
                return self._begin(delivery, None)
            if not isinstance(found, Begun):
                return self._begin(delivery, found)
            begun = found
        if begun.processed:
            delivery.outcome = "duplicate"
            delivery.statistics.duplicates += 1
            turn_to(delivery)
            logger.info("%s: %s, skipped", delivery.place, begun.reason)
            return None
        delivery.deliveries = begun.deliveries
        rest = self.following(delivery)
        if rest is not None:
            return self._finish(delivery, rest)
        if delivery.outcome == "handled":
            delivery.statistics.handled += 1
        if delivery.marked:
            return None
        try:
            marking = self.store.end(delivery)
        except Exception:  # it is tried again
            return self._mark(delivery, None)
        return None if marking is None else self._mark(delivery, marking)

    async def _begin(self, delivery: Delivery, begun: Awaitable[Begun] | None) -> None:
        try:
            found = await (begun or self._look_up(delivery))
        except Exception:  # as above
            found = await insist(
                lambda: self._look_up(delivery), "cannot be begun", delivery, self.pause
            )
        rest = self.handle(delivery, found)
        if rest is not None:
            await rest

    async def _look_up(self, delivery: Delivery) -> Begun:
        begun = self.store.begin(delivery)
        return begun if isinstance(begun, Begun) else await begun

    async def _finish(self, delivery: Delivery, rest: Awaitable[None]) -> None:
        try:
            await rest
        except (asyncio.CancelledError, LetGoError):
            await self.store.abandon(delivery)
            raise
        if delivery.outcome == "handled":
            delivery.statistics.handled += 1
        if not delivery.marked:
            await self._mark(delivery, None)

    async def _mark(self, delivery: Delivery, marking: Awaitable[None] | None) -> None:
        try:
            try:
                await (marking or self._end(delivery))
            except Exception:  # repeated until it holds
                await insist(lambda: self._end(delivery), "cannot be marked", delivery, self.pause)
        except (asyncio.CancelledError, LetGoError):
            await self.store.abandon(delivery)
            raise

    async def _end(self, delivery: Delivery) -> None:
        marking = self.store.end(delivery)
        if marking is not None:
            await marking

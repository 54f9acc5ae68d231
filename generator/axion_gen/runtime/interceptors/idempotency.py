"""A record that has been processed is not processed again (standard, section 6)."""

import asyncio
import logging
from dataclasses import dataclass

from ..context import turn_to
from ..delivery import Delivery, Handle, LetGoError, Pause
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

    def wrap(self, following: Handle) -> Handle:
        """Handle a delivery once."""
        store = self.store

        async def handle(delivery: Delivery) -> None:
            try:
                begun = store.begin(delivery)
                if not isinstance(begun, Begun):
                    begun = await begun
            except Exception:  # the store's outage is nobody's dead letter
                begun = await insist(
                    lambda: self._begin(delivery),
                    "cannot be begun",
                    delivery,
                    self.pause,
                )
            if begun.processed:
                delivery.outcome = "duplicate"
                delivery.statistics.duplicates += 1
                turn_to(delivery)
                logger.info("%s: already processed, skipped", delivery.place)
                return
            delivery.deliveries = begun.deliveries
            try:
                await following(delivery)
                if delivery.outcome == "handled":
                    delivery.statistics.handled += 1
                if not delivery.marked:
                    try:
                        marking = store.end(delivery)
                        if marking is not None:
                            await marking
                    except Exception:  # repeated until it holds, as above
                        await insist(
                            lambda: self._end(delivery),
                            "cannot be marked",
                            delivery,
                            self.pause,
                        )
            except (asyncio.CancelledError, LetGoError):
                await store.abandon(delivery)
                raise

        return handle

    async def _begin(self, delivery: Delivery) -> Begun:
        begun = self.store.begin(delivery)
        return begun if isinstance(begun, Begun) else await begun

    async def _end(self, delivery: Delivery) -> None:
        marking = self.store.end(delivery)
        if marking is not None:
            await marking

"""A record that has been processed is not processed again (standard, section 6)."""

import asyncio
import logging
from dataclasses import dataclass

from ..context import turn_to
from ..delivery import Delivery, Handle, Pause
from ..stores import Store
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
                begun = await store.begin(delivery)
            except Exception:  # the store's outage is nobody's dead letter
                begun = await insist(
                    lambda: store.begin(delivery), "the store is away", delivery, self.pause
                )
            if begun.processed:
                delivery.statistics.duplicates += 1
                turn_to(delivery)
                logger.info("%s: already processed, skipped", delivery.place)
                return
            delivery.deliveries = begun.deliveries
            try:
                await following(delivery)
            except asyncio.CancelledError:
                await store.abandon(delivery)
                raise
            if delivery.outcome == "handled":
                delivery.statistics.handled += 1
            if not delivery.marked:
                try:
                    await store.end(delivery)
                except Exception:  # repeated until it holds, as above
                    await insist(
                        lambda: store.end(delivery), "cannot be marked", delivery, self.pause
                    )

        return handle

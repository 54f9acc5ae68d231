"""A bounded number of handlers runs at once, each for a bounded time (standard, section 7)."""

import asyncio
from dataclasses import dataclass

from ..delivery import Delivery, Handle
from ..errors import BusError


class HandlerTimeoutError(BusError):
    """A handler ran longer than `KAFKA_HANDLER_TIMEOUT_S`."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Holds a slot for each attempt, and ends it when its time is up."""

    slots: asyncio.Semaphore
    timeout_s: float
    """0 for no limit."""

    def wrap(self, following: Handle) -> Handle:
        """Run one attempt in a slot."""

        async def handle(delivery: Delivery) -> None:
            async with self.slots:
                delivery.attempts += 1
                timeout = asyncio.timeout(self.timeout_s or None)
                try:
                    async with timeout:
                        await following(delivery)
                except TimeoutError:
                    if not timeout.expired():  # the handler's own
                        raise
                    raise HandlerTimeoutError(
                        f"the handler ran longer than {self.timeout_s:g} s"
                    ) from None

        return handle

"""While a dependency is away messages are held, not dead-lettered (standard, section 3)."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..delivery import Delivery, Handle, Pause
from ..descriptions import describe
from ..errors import DependencyUnavailable
from .insistence import FIRST_PAUSE_S, LONGEST_PAUSE_S

logger = logging.getLogger(__name__)

DECLARED: Final = (DependencyUnavailable,)


class Held:
    """The messages that wait for the end of an outage. While there are any, none is taken."""

    def __init__(self) -> None:
        self.count = 0
        self.since: float | None = None
        """When the first of them was held, in Unix seconds; none while there are none."""
        self.recoveries = 0
        """How often a held message has succeeded."""
        self._recovered = asyncio.Event()

    def __bool__(self) -> bool:
        return self.count > 0

    def enter(self) -> None:
        """Hold one more."""
        self.count += 1
        if self.since is None:
            self.since = time.time()

    def leave(self) -> None:
        """Hold one less."""
        self.count -= 1
        if not self.count:
            self.since = None

    def recovered(self) -> None:
        """One has succeeded: the others need not wait any longer."""
        self.recoveries += 1
        self._recovered.set()
        self._recovered = asyncio.Event()

    async def recovery(self) -> None:
        """Wait until one succeeds."""
        await self._recovered.wait()


@dataclass(frozen=True, slots=True)
class Outage:
    """Tries again and again what fails because something else is away.

    After 1 s, then twice as long each time, to 30 s; at once when another held message has
    succeeded. What fails again after that is not held up by an outage: dead letter.
    """

    held: Held
    errors: tuple[type[Exception], ...]
    """What counts as an outage, beside `DependencyUnavailable`."""
    pause: Pause
    changed: Callable[[], None]
    """Told when the last held message is let go."""

    def wrap(self, following: Handle) -> Handle:
        """Hold what fails for an outage once its attempts are used up."""
        outages: tuple[type[Exception], ...] = (*DECLARED, *self.errors)

        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except outages as error:
                await self._hold(following, delivery, outages, error)

        return handle

    async def _hold(
        self,
        following: Handle,
        delivery: Delivery,
        outages: tuple[type[Exception], ...],
        error: Exception,
    ) -> None:
        held = self.held
        held.enter()
        begun = time.monotonic()
        seconds = FIRST_PAUSE_S
        seen = held.recoveries
        try:
            while True:
                logger.error(
                    "%s: held for %.0f s, %d in all, no new messages are taken;"
                    " a dependency is away, next try in %.0f s: %s",
                    delivery.place,
                    time.monotonic() - begun,
                    held.count,
                    seconds,
                    describe(error),
                )
                if held.recoveries == seen:
                    await self._wait(seconds)
                    seconds = min(2 * seconds, LONGEST_PAUSE_S)
                # What succeeds while this attempt is under way says nothing about it.
                recovered, seen = held.recoveries > seen, held.recoveries
                delivery.statistics.retried += 1
                try:
                    await following(delivery)
                except outages as again:
                    if recovered:
                        raise  # others succeed: this message itself is what fails
                    error = again
                else:
                    held.recovered()
                    logger.warning(
                        "%s: handled after %.0f s, %d still held",
                        delivery.place,
                        time.monotonic() - begun,
                        held.count - 1,
                    )
                    return
        finally:
            held.leave()
            self.changed()

    async def _wait(self, seconds: float) -> None:
        """Pause, but not beyond the end of the outage."""
        recovery = asyncio.ensure_future(self.held.recovery())
        pause = asyncio.ensure_future(self.pause(seconds))
        try:
            await asyncio.wait((recovery, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            recovery.cancel()
            pause.cancel()

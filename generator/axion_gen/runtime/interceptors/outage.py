"""While a dependency is away messages are held, not dead-lettered (standard, section 3)."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..delivery import Delivery, Handle, Pause
from ..descriptions import describe
from ..errors import DependencyUnavailable, is_any
from .insistence import FIRST_PAUSE_S, LONGEST_PAUSE_S

logger = logging.getLogger(__name__)

DECLARED: Final = (DependencyUnavailable,)


class Held:
    """The messages that wait for the end of an outage. While there are any, none is taken."""

    def __init__(self) -> None:
        self.count = 0
        self.since: float | None = None
        """When the first of them was held, in Unix seconds; none while there are none."""
        self.entries = 0
        """How often a message was held so far."""
        self.recoveries = 0
        """How often a held message has succeeded."""
        self._recovery: asyncio.Future[None] | None = None
        self._successes: dict[str | None, int] = {}
        """By handler, how many entries there had been when its last success was begun."""

    def __bool__(self) -> bool:
        return self.count > 0

    def enter(self) -> int:
        """Hold one more; returns its number."""
        self.count += 1
        self.entries += 1
        if self.since is None:
            self.since = time.time()
        return self.entries

    def leave(self) -> None:
        """Hold one less."""
        self.count -= 1
        if not self.count:
            self.since = None
            self._successes.clear()

    @property
    def recovery(self) -> "asyncio.Future[None]":
        """Done as soon as one of them succeeds."""
        loop = asyncio.get_running_loop()
        known = self._recovery
        if known is None or known.done() or known.get_loop() is not loop:
            self._recovery = known = loop.create_future()
        return known

    def recovered(self) -> None:
        """One has succeeded: the others need not wait any longer."""
        self.recoveries += 1
        if self._recovery is not None and not self._recovery.done():
            self._recovery.set_result(None)

    def ended(self, delivery: Delivery, entries: int) -> None:
        """A message has ended that was begun when there had been so many entries."""
        if delivery.outcome == "handled" and delivery.message is not None:
            handler = delivery.message.handler
            self._successes[handler] = max(entries, self._successes.get(handler, 0))

    def is_refuted(self, delivery: Delivery, number: int) -> bool:
        """Whether the same handler has succeeded with what was begun after this entry."""
        message = delivery.message
        return message is not None and self._successes.get(message.handler, 0) >= number


@dataclass(frozen=True, slots=True)
class Outage:
    """Tries again and again what fails because something else is away.

    After 1 s, then twice as long each time, to 30 s; at once when another held message has
    succeeded. What fails again after that, or after its handler has succeeded with another
    message, is not held up by an outage: dead letter. What cannot be read before a schema is
    fetched waits for that alone.
    """

    held: Held
    errors: tuple[type[Exception], ...]
    """What counts as an outage, beside `DependencyUnavailable`."""
    pause: Pause
    changed: Callable[[], None]
    """Told when a held message is let go."""

    def wrap(self, following: Handle) -> Handle:
        """Hold what fails for an outage once its attempts are used up."""
        outages: tuple[type[Exception], ...] = (*DECLARED, *self.errors)

        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except Exception as error:  # told apart below
                if not is_any(error, outages):
                    raise
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
        number = held.enter()
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
                    await self.pause(seconds)
                    seconds = min(2 * seconds, LONGEST_PAUSE_S)
                # What succeeds while this attempt is under way says nothing about it; nor does
                # anything about what cannot be read yet: no handler has had it.
                others_succeed = held.recoveries > seen or held.is_refuted(delivery, number)
                refuted = others_succeed and delivery.payload is not None
                seen = held.recoveries
                delivery.statistics.retried += 1
                try:
                    await following(delivery)
                except Exception as again:  # told apart below
                    if refuted or not is_any(again, outages):
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

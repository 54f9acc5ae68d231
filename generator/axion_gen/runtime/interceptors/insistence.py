"""What must be done before anything else may be is tried until it succeeds."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ..context import turn_to
from ..delivery import Delivery, Pause
from ..descriptions import describe

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0

ResultT = TypeVar("ResultT")


async def insist(
    action: Callable[[], Awaitable[ResultT]], what: str, delivery: Delivery, pause: Pause
) -> ResultT:
    """Repeat `action` until it succeeds: after 1 s, then twice as long each time, to 30 s."""
    turn_to(delivery)
    stuck = delivery.statistics.stuck
    stuck[what] = stuck.get(what, 0) + 1
    try:
        return await _repeated(action, what, delivery, pause)
    finally:
        stuck[what] -= 1


async def _repeated(
    action: Callable[[], Awaitable[ResultT]], what: str, delivery: Delivery, pause: Pause
) -> ResultT:
    seconds = FIRST_PAUSE_S
    failures = 0
    while True:
        try:
            result = await action()
        except Exception as error:  # any failure is answered alike: wait, try again
            logger.error(
                "%s: %s, next try in %.0f s: %s", delivery.place, what, seconds, describe(error)
            )
        else:
            if failures:
                logger.warning("%s: goes on after %d failures", delivery.place, failures)
            return result
        failures += 1
        await pause(seconds)
        seconds = min(2 * seconds, LONGEST_PAUSE_S)

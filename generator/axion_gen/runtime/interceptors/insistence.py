"""What must be done before anything else may be is tried until it succeeds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, TypeVar

from ..context import turn_to
from ..delivery import Delivery, Pause
from ..descriptions import describe
from ..statistics import TopicStatistics

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
    statistics = delivery.statistics
    seconds = FIRST_PAUSE_S
    failures = 0
    while True:
        try:
            result = await action()
        except Exception as error:  # any failure is answered alike: wait, try again
            if _is_to_be_told(statistics, f"{what}: {type(error).__qualname__}"):
                others = statistics.stuck[what] - 1
                beside = f", and {others} others" if others else ""
                text = f"{what}{beside}, next try in {seconds:.0f} s"
                logger.error("%s: %s: %s", delivery.place, text, describe(error))
        else:
            if failures and _is_to_be_told(statistics, f"{what}: over"):
                logger.warning("%s: goes on after %d failures", delivery.place, failures)
            return result
        failures += 1
        await pause(seconds)
        seconds = min(2 * seconds, LONGEST_PAUSE_S)


def _is_to_be_told(statistics: TopicStatistics, what: str) -> bool:
    """Once for all records of a topic that try at once: a store that is away stops thousands."""
    now = asyncio.get_running_loop().time()
    if now - statistics.told.get(what, -inf) < FIRST_PAUSE_S / 2:
        return False
    statistics.told[what] = now
    return True

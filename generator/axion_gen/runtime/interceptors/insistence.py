"""What must be done before anything else may be is tried until it succeeds."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ..context import turn_to
from ..delivery import Delivery, Pause

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
MAX_ERROR_CHARACTERS: Final = 1024

ResultT = TypeVar("ResultT")


async def insist(
    action: Callable[[], Awaitable[ResultT]], what: str, delivery: Delivery, pause: Pause
) -> ResultT:
    """Repeat `action` until it succeeds: after 1 s, then twice as long each time, to 30 s."""
    turn_to(delivery)
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


def describe(error: BaseException) -> str:
    """An error in one line of bounded length."""
    text = " ".join(text_of(error).split())
    name = type(error).__qualname__
    return f"{name}: {text}"[:MAX_ERROR_CHARACTERS] if text else name


def text_of(error: BaseException) -> str:
    """What an error says; nothing if it cannot even say that."""
    try:
        return str(error)
    except Exception:  # somebody's own `__str__`: it must not stop what is being done about it
        return ""

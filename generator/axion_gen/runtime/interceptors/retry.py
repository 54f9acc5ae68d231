"""What fails for a while is tried again (standard, section 3)."""

import logging
from dataclasses import dataclass

from ..delivery import Delivery, Handle, Pause
from ..descriptions import describe
from ..errors import PermanentError, is_any

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """Calls again after an error, unless it is a `PermanentError` or the last attempt.

    The pause after attempt n, counted from 0, is `backoff_s * 2 ** n` seconds. A waiting
    message keeps its key, so the order of the key, and holds no handler slot.
    """

    attempts: int
    backoff_s: float
    pause: Pause

    def wrap(self, following: Handle) -> Handle:
        """Try a delivery until it succeeds or its attempts are used up."""

        async def handle(delivery: Delivery) -> None:
            while True:
                try:
                    return await following(delivery)
                except Exception as error:  # any but a `PermanentError` may heal
                    delivery.statistics.failed += 1
                    if delivery.attempts >= self.attempts or is_any(error, (PermanentError,)):
                        raise
                    pause = self.backoff_s * 2 ** (delivery.attempts - 1)
                    logger.warning(
                        "%s: attempt %d of %d failed, next in %.0f ms: %s",
                        delivery.place,
                        delivery.attempts,
                        self.attempts,
                        1000 * pause,
                        describe(error),
                    )
                await self.pause(pause)
                delivery.statistics.retried += 1

        return handle

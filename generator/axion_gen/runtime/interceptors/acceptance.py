"""What can never be handled is found out before anything is tried."""

from dataclasses import dataclass
from typing import Final

from ..delivery import Delivery, Handle
from ..errors import PermanentError
from .envelope import open_envelope
from .payload import read_payload

MOST_DELIVERIES: Final = 2
"""What was begun so often and never came to an end is not begun again."""


class NeverEndedError(PermanentError):
    """The process died each time while this message was being handled."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Hands on what is valid and for this service, skips what is not for it, refuses the rest.

    The third delivery of what never ended is refused too: it may be what the process died of
    (standard, section 6). The second one runs alone, which `Slots` sees to.
    """

    def wrap(self, following: Handle) -> Handle:
        """Look at a delivery before it is handled."""

        async def handle(delivery: Delivery) -> None:
            if delivery.deliveries > MOST_DELIVERIES:
                raise NeverEndedError(
                    f"its handling was begun {delivery.deliveries - 1} times and never ended:"
                    " it may be what the process died of"
                )
            if open_envelope(delivery) and read_payload(delivery):
                await following(delivery)
            else:
                delivery.outcome = "skipped"
                delivery.statistics.skipped += 1

        return handle

"""A message that kills the process is found out (standard, section 6)."""

from dataclasses import dataclass
from typing import Final

from ..delivery import Delivery, Handle
from ..errors import PermanentError

MOST_DELIVERIES: Final = 2
"""What was begun so often and never came to an end is not begun again."""


class NeverEndedError(PermanentError):
    """The process died each time while this message was being handled."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Refuses the third delivery of what never ended; `Slots` runs the second one alone."""

    def wrap(self, following: Handle) -> Handle:
        """Hand on what may be run."""

        async def handle(delivery: Delivery) -> None:
            if delivery.deliveries > MOST_DELIVERIES:
                raise NeverEndedError(
                    f"its handling was begun {delivery.deliveries - 1} times and never ended:"
                    " it may be what the process died of"
                )
            await following(delivery)

        return handle

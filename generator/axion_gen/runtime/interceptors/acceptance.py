"""What can never be handled is found out before anything is tried."""

from typing import Final

from ..codecs import SchemaUnknownError
from ..delivery import Delivery
from ..errors import ENDS, InvalidMessageError, PermanentError
from .envelope import open_envelope
from .payload import read_payload

MOST_DELIVERIES: Final = 2
"""What was begun so often and never came to an end is not begun again."""


class NeverEndedError(PermanentError):
    """The process died each time while this message was being handled."""


def accept(delivery: Delivery) -> bool:
    """Say whether a delivery is for this service, and refuse what is invalid.

    The third delivery of what never ended is refused too: it may be what the process died of
    (standard, section 6). The second one runs alone, which `Slots` sees to.

    Raises:
        InvalidMessageError: its headers, its type or its payload break the contract.
        NeverEndedError: it was begun too often.
        SchemaUnknownError: a schema has to be fetched first; then it can be asked again.
    """
    if delivery.deliveries > MOST_DELIVERIES:
        raise NeverEndedError(
            f"its handling was begun {delivery.deliveries - 1} times and never ended:"
            " it may be what the process died of"
        )
    try:
        if open_envelope(delivery) and read_payload(delivery):
            return True
    except (PermanentError, SchemaUnknownError, *ENDS):
        raise
    except BaseException as error:  # a fault of a validator, a panic of a library in Rust
        # Without its text, which may quote what is invalid.
        broken = InvalidMessageError(f"it cannot be read: {type(error).__qualname__}")
        raise broken.with_traceback(error.__traceback__) from error
    delivery.outcome = "skipped"
    delivery.statistics.skipped += 1
    return False

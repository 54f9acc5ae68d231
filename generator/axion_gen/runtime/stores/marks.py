"""What stores that keep their marks outside the process have in common."""

import hashlib
import logging
from typing import Final

from ..context import turn_to
from ..delivery import Delivery
from ..headers import MESSAGE_ID, Record, fault_of, raw_message_id

logger = logging.getLogger(__name__)

RETENTION_S: Final = 14 * 24 * 3600.0
"""How long marks are kept unless something else is said, in seconds: twice Kafka's default."""


def message_id_of(record: Record) -> str | None:
    """The id a record says it has, in a form that any store can keep.

    What is no id, and may be anything, stands as its hash: it is only compared.
    """
    raw = raw_message_id(record)
    if raw is None:
        return None
    text = raw.decode(errors="replace")
    if fault_of(MESSAGE_ID, text) is None:
        return text
    return hashlib.sha256(raw).hexdigest()


def warn_of_topic_made_again(delivery: Delivery) -> None:
    """Say that the mark at hand is another record's."""
    turn_to(delivery)
    logger.warning(
        "%s: another record was processed at this offset: the topic was made again",
        delivery.place,
    )

"""A record's headers are checked, and its message is found, before anything else is done."""

import logging
from typing import Final

from ..context import turn_to
from ..delivery import Delivery
from ..errors import InvalidMessageError
from ..headers import TYPE_INDEX, are_in_order, decode

logger = logging.getLogger(__name__)

MOST_UNKNOWN_TYPES: Final = 100
"""The log tells of each once, and of so many of a topic: a name may be anything."""


def open_envelope(delivery: Delivery) -> bool:
    """Refuse bad headers; say whether this service handles the message.

    Topics grow: a record of a type that the contract does not know is skipped, unless the
    channel says `x-axion-unknown: dead-letter` (standard, section 9).

    Raises:
        InvalidMessageError: a header is missing or malformed, or the type is not to be skipped.
    """
    topic = delivery.topic
    raw = delivery.record.headers
    if are_in_order(raw):
        delivery.in_order = True
        message = topic.by_raw_name.get(raw[TYPE_INDEX][1])
        if message is not None:
            delivery.message = message
            return message.handler is not None
    delivery.headers = headers = decode(
        delivery.record, foreign_producers=topic.foreign_producers, source=delivery.origin
    )
    name = headers.message_type
    if name is None:
        return True
    message = topic.by_name.get(name)
    if message is None:
        if topic.unknown == "dead-letter":
            raise InvalidMessageError(f"x-message-type {name!r} is no message of {topic.address}")
        told = delivery.statistics.unknown_types
        if name not in told and len(told) < MOST_UNKNOWN_TYPES:
            told.add(name)
            turn_to(delivery)
            logger.warning("%s: unknown message type %r, skipped", delivery.place, name)
        return False
    delivery.message = message
    return message.handler is not None

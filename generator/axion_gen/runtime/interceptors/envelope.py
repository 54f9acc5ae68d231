"""A record's headers are checked, and its message is found, before anything else is done."""

import logging
from dataclasses import dataclass

from ..delivery import Delivery, Handle
from ..errors import InvalidMessageError
from ..headers import decode

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Refuses bad headers; skips what this service does not handle.

    Topics grow: a record of a type that the contract does not know is skipped, unless the
    channel says `x-axion-unknown: dead-letter` (standard, section 9).
    """

    def wrap(self, following: Handle) -> Handle:
        """Hand on what this service handles."""

        async def handle(delivery: Delivery) -> None:
            topic = delivery.topic
            headers = decode(delivery.record, foreign_producers=topic.foreign_producers)
            delivery.headers = headers
            name = headers.message_type
            if name is not None:
                message = topic.by_name.get(name)
                if message is None:
                    if topic.unknown == "dead-letter":
                        raise InvalidMessageError(
                            f"x-message-type {name!r} is no message of {topic.address}"
                        )
                    logger.warning("%s: unknown message type %r, skipped", delivery.place, name)
                    return delivery.skip()
                if message.handler is None:
                    return delivery.skip()
                delivery.message = message
            return await following(delivery)

        return handle

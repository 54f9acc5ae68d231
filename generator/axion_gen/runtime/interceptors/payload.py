"""A record's bytes become the message its handler is typed for."""

from pydantic import ValidationError

from ..delivery import Delivery
from ..telling import invalid, read_tombstone, told


def read_payload(delivery: Delivery) -> bool:
    """Validate the payload; say whether this service handles the message.

    What message a record is that does not say so is told by its content.

    Raises:
        InvalidMessageError: it is not valid; its content is not quoted.
        SchemaUnknownError: what it is written with has to be fetched first.
    """
    value = delivery.record.value
    message = delivery.message
    if message is None:
        message, delivery.payload = told(delivery.topic, delivery.record)
        delivery.message = message
        return message.handler is not None
    if value is None:
        delivery.payload = read_tombstone(message)
        return True
    try:
        delivery.payload = message.read(value)
    except ValidationError as error:
        raise invalid(message, error) from None
    return True

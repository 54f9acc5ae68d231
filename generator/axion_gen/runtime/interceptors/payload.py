"""A record's bytes become the message its handler is typed for."""

from typing import Any

from pydantic import BaseModel, ValidationError

from ..contract import Message
from ..delivery import Delivery
from ..descriptions import faults_of
from ..errors import InvalidMessageError


def read_payload(delivery: Delivery) -> bool:
    """Validate the payload; say whether this service handles the message.

    A record without a type is the first message it fits; one without a value is the message
    that may be null.

    Raises:
        InvalidMessageError: it is not valid; its content is not quoted.
    """
    value = delivery.record.value
    message = delivery.message
    if value is None:
        message, value = _tombstone(delivery), b"null"
    if message is not None:
        try:
            # What `model_validate_json` calls, without a stop on the way.
            delivery.payload = message.model.__pydantic_validator__.validate_json(value)
        except ValidationError as error:
            raise _invalid(message, error) from None
        return message.handler is not None
    message, delivery.payload = _told_by_content(delivery, value)
    delivery.message = message
    return message.handler is not None


def _tombstone(delivery: Delivery) -> Message[Any]:
    """The message that a null value stands for."""
    named = delivery.message
    candidates = delivery.topic.messages if named is None else (named,)
    tombstones = [message for message in candidates if message.tombstone]
    if len(tombstones) == 1:
        delivery.message = tombstones[0]
        return tombstones[0]
    if not tombstones:
        raise InvalidMessageError("the value is null, and the contract has no tombstone")
    names = ", ".join(message.name for message in tombstones)
    raise InvalidMessageError(f"the value is null, there is no x-message-type, and {names} may be")


def _told_by_content(delivery: Delivery, value: bytes) -> tuple[Message[Any], BaseModel]:
    candidates = delivery.topic.messages
    for message in candidates:
        try:
            return message, _validate(message, value)
        except InvalidMessageError as error:
            if len(candidates) == 1:
                raise error from None
    raise InvalidMessageError(
        f"there is no x-message-type, and the payload is none of"
        f" {', '.join(message.name for message in candidates)}"
    )


def _validate(message: Message[Any], value: bytes) -> BaseModel:
    try:
        payload: BaseModel = message.model.model_validate_json(value)
    except ValidationError as error:
        raise _invalid(message, error) from None
    return payload


def _invalid(message: Message[Any], error: ValidationError) -> InvalidMessageError:
    return InvalidMessageError(f"no valid {message.name}: {faults_of(error)}")

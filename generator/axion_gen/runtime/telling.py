"""What message a record is that does not say so: others write records without `x-message-type`.

It is told by constant headers that the document declares, then by constants in its payload,
then by its being the only message that fits. What nothing tells is invalid: no handler gets what
may be another's.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from .contract import Message, Topic
from .descriptions import faults_of
from .errors import InvalidMessageError
from .headers import RawHeaders, Record

Found = tuple[Message[Any], BaseModel]


def told(topic: Topic, record: Record) -> Found:
    """The message that a record is, and its payload.

    Raises:
        InvalidMessageError: it is none, or may be several.
        SchemaUnknownError: what it is written with has to be fetched first.
    """
    known = _Told(topic.messages)
    known.by_constants(lambda message: list(_headers_of(message, record.headers)))
    value = record.value
    if value is None:
        tombstones = [message for message in known.candidates if message.tombstone]
        if not tombstones:
            raise InvalidMessageError("the value is null, and the contract has no tombstone here")
        return _only([(message, read_tombstone(message)) for message in tombstones], topic)
    known.by_codec(value)
    if len(known.candidates) > 1:
        content = _json(value)
        known.by_constants(lambda message: list(_constants_of(message, content)))
    if known.is_certain and len(known.candidates) == 1:
        message = known.candidates[0]
        return message, read_payload_of(message, value)
    for strict in (True, False):
        fitting = list(_fitting(known.candidates, value, strict=strict))
        if fitting:
            return _only(fitting, topic)
    return _only([], topic)


def read_payload_of(message: Message[Any], value: bytes) -> BaseModel:
    """A record's value as the payload of a message; `InvalidMessageError` if it is none."""
    try:
        payload: BaseModel = message.read(value)
    except ValidationError as error:
        raise invalid(message, error) from None
    return payload


def read_tombstone(message: Message[Any]) -> BaseModel:
    """The payload of a message that a record without a value is.

    Raises:
        InvalidMessageError: it has none.
    """
    if not message.tombstone:
        raise InvalidMessageError(f"the value is null, and {message.name} is no tombstone")
    try:
        payload: BaseModel = message.model.model_validate(None)
    except ValidationError as error:
        raise invalid(message, error) from None
    return payload


def invalid(message: Message[Any], error: ValidationError) -> InvalidMessageError:
    """What is wrong with a payload, without quoting it."""
    return InvalidMessageError(f"no valid {message.name}: {faults_of(error)}")


class _Told:
    """The messages that a record may be, as far as is known."""

    def __init__(self, candidates: Sequence[Message[Any]]) -> None:
        self.candidates = candidates
        self.is_certain = len(candidates) == 1
        """Whether it is one of these if it is valid: its own words say so."""

    def by_constants(self, compare: Callable[[Message[Any]], list[bool | None]]) -> None:
        """Keep those that have all their constants; else those that have none.

        `compare` says of each constant of a message whether the record has it; none: it has
        nothing there.
        """
        if len(self.candidates) == 1:
            return
        results = [(message, compare(message)) for message in self.candidates]
        right = [message for message, result in results if result and all(result)]
        without = [message for message, result in results if not result]
        not_wrong = [message for message, result in results if False not in result]
        self.candidates = right or without or not_wrong
        self.is_certain |= bool(right)

    def by_codec(self, value: bytes) -> None:
        """Keep those whose codec claims a value as its own, else those that may be of it."""
        coded = [(m, m.codec) for m in self.candidates if m.codec is not None]
        if len(self.candidates) == 1 or not coded:
            return
        claimed = [message for message, codec in coded if codec.claims(value)]
        if claimed:
            self.candidates, self.is_certain = claimed, True
        elif _is_json(value):
            self.candidates = [m for m in self.candidates if m.codec is None]
        else:
            # Bytes of one schema may well be bytes of another: only one may be looked at.
            silent = [message for message, codec in coded if not codec.has_schema_ids]
            self.candidates = silent if len(silent) == 1 else ()


def _headers_of(message: Message[Any], headers: RawHeaders) -> Iterable[bool | None]:
    for name, value in message.headers.items():
        found = [content for header, content in headers if header == name]
        yield None if not found else value.encode() in found


def _constants_of(message: Message[Any], content: object) -> Iterable[bool]:
    for path, values in message.constants.items():
        found = content
        for step in path:
            found = found.get(step, ...) if isinstance(found, dict) else ...
        yield any(type(found) is type(value) and found == value for value in values)


def _is_json(value: bytes) -> bool:
    try:
        from_json(value)
    except ValueError:
        return False
    return True


def _json(value: bytes) -> object:
    try:
        content: object = from_json(value)
    except ValueError as error:
        raise InvalidMessageError(f"the payload is no JSON: {error}") from None
    return content


def _fitting(candidates: Sequence[Message[Any]], value: bytes, *, strict: bool) -> Iterable[Found]:
    """Those that the payload fits; strictly, where the text `"1"` is no number."""
    for message in candidates:
        try:
            if message.codec is not None:
                yield message, message.read(value)
            else:
                yield message, message.model.model_validate_json(value, strict=strict)
        except (ValidationError, InvalidMessageError):
            continue


def _only(fitting: Sequence[Found], topic: Topic) -> Found:
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(message.name for message, _ in fitting or ((m, None) for m in topic.messages))
    what = f"may be {names}" if fitting else f"is none of {names}"
    raise InvalidMessageError(f"there is no x-message-type, and it {what}")

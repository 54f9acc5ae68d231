"""Dead letters as they are read: what a record on the dead letter or replay topic says.

The interceptor adds one block of `x-dlq-…` headers behind those of the record, and the block
begins with `x-dlq-id`. A record may have come with forged ones; those stand before the block
and are part of the record. So the block is found from the end, never by name alone.

The rules are section 4 of the messaging standard.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .headers import RawHeaders, Record

PREFIX: Final = "x-dlq-"
ID: Final = PREFIX + "id"

_ID = re.compile(rb"[0-9a-f]{64}")
_TOPIC = re.compile(rb"[A-Za-z0-9._-]{1,249}")
_NUMBER = re.compile(rb"[0-9]{1,19}")
_LONGEST: Final = 2**63 - 1
"""The largest offset and timestamp that Kafka has."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a replayed record was first read, and by which letter it comes back."""

    topic: str
    """The topic's name on Kafka, prefix included."""
    partition: int
    offset: int
    id: str
    """The id of the letter that was replayed."""
    replays: int
    """How often it has been replayed, this time included."""


def origin(record: Record) -> Origin | None:
    """What a record of the replay topic says of its origin; none if it is malformed.

    Only for records of the replay topic: elsewhere anybody may have written the headers.
    """
    said = _reasons(record.headers)
    identifier, topic = said.get("id"), said.get("topic")
    partition, offset, replays = (_number(said.get(n)) for n in ("partition", "offset", "replays"))
    if identifier is None or topic is None or not _TOPIC.fullmatch(topic):
        return None
    if partition is None or partition >= 2**31 or offset is None or replays is None:
        return None
    return Origin(topic.decode(), partition, offset, identifier.decode(), replays)


def without_reasons(headers: RawHeaders) -> list[tuple[str, bytes]]:
    """The headers of the record that a letter was made of: all but the block at the end."""
    return list(headers[: _block(headers)])


def _block(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """At which header the block of a letter begins; behind the last, if there is none."""
    for index in range(len(headers) - 1, -1, -1):
        name, value = headers[index]
        if name == ID:
            return index if value is not None and _ID.fullmatch(value) else len(headers)
        if not name.startswith(PREFIX):
            break
    return len(headers)


def _reasons(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """The block by the names behind `x-dlq-`; where one is there twice, the last counts."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in headers[_block(headers) :]
        if value is not None
    }


def _number(text: bytes | None) -> int | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if number <= _LONGEST else None

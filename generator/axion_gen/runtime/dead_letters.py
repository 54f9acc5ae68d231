"""Dead letters as they are read: what records of the dead letter and replay topics say.

The interceptor adds one block of `x-dlq-…` headers behind those of the record, and the block
begins with `x-dlq-id`. A record may have come with forged ones; those stand before the block
and are part of the record. So the block is found from the end, never by name alone.

The rules are section 4 of the messaging standard.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .headers import RawHeaders, Record
from .identifiers import idempotency_key

PREFIX: Final = "x-dlq-"
ID: Final = PREFIX + "id"
FAILED_AT: Final = PREFIX + "failed-at"
REPLAYS: Final = PREFIX + "replays"
RESOLVES: Final = PREFIX + "resolves"
"""The header of an answer: the id of the letter that has been dealt with."""
REASON: Final = PREFIX + "reason"
"""The header of an answer that says why."""
RESOLVED_BY: Final = PREFIX + "resolved-by"
"""The header of an answer that says who."""

UNKNOWN: Final = "unknown"

_ID = re.compile(rb"[0-9a-f]{64}")
_TOPIC = re.compile(rb"[A-Za-z0-9._-]{1,249}")
_NUMBER = re.compile(rb"[0-9]{1,19}")
_LONGEST: Final = 2**63 - 1
"""The largest offset and timestamp that Kafka has."""
_TEXT: Final = 8192
"""The longest text that is taken from a header, in bytes: that of a stack trace."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record of a letter was first read."""

    topic: str
    """The topic's name on Kafka, prefix included."""
    partition: int
    offset: int
    timestamp: int
    """When the record was made, in Unix milliseconds; -1 where nobody knows."""
    id: str
    """The id of the letter."""
    replays: int
    """How often it has been replayed; on the replay topic, this time included."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be processed, and why."""

    id: str
    """The idempotency key of the failed delivery, 64 hexadecimal digits."""
    partition: int
    """Where the letter is on the dead letter topic."""
    offset: int
    origin: Origin | None
    """Where its record came from; none if the letter does not say, so it cannot be replayed."""
    group: str
    service: str
    error_type: str
    error_message: str
    stack_trace: str
    attempts: int
    failed_at: int
    """When it became a dead letter, in Unix milliseconds."""
    key: bytes | None
    value: bytes | None
    headers: RawHeaders
    """The headers that its record came with."""
    reasons: RawHeaders
    """The headers that the dead letter added."""

    @property
    def replays(self) -> int:
        """How often it has been replayed so far."""
        return 0 if self.origin is None else self.origin.replays


@dataclass(frozen=True, slots=True)
class Answer:
    """Says that a letter has been replayed or discarded."""

    id: str
    failed_at: int
    """Holds for letters of this id that failed up to then: an id comes back when a topic is
    made anew, and that is a new incident."""


def origin(record: Record) -> Origin | None:
    """What a record of the replay topic says of its origin; none if it is malformed.

    Only for records of the replay topic: elsewhere anybody may have written the headers.
    """
    return _origin(_reasons(record.headers))


def without_reasons(headers: RawHeaders) -> RawHeaders:
    """The headers of the record that a letter was made of: all but the block at the end."""
    return headers[: _block(headers)]


def read(record: Record) -> Letter | Answer:
    """What a record of the dead letter topic is; whatever is no answer is a letter.

    A letter without our headers has an id made of its own place, and its error is unknown.
    """
    start = _block(record.headers)
    if start == len(record.headers):
        answer = _answer(record)
        if answer is not None:
            return answer
    said = _reasons(record.headers)
    failed_at = _number(said.get("failed-at"))
    return Letter(
        id=said["id"].decode()
        if "id" in said
        else idempotency_key(record.topic, record.partition, record.offset),
        partition=record.partition,
        offset=record.offset,
        origin=_origin(said),
        group=_text(said.get("group")),
        service=_text(said.get("service")),
        error_type=_text(said.get("error-type")) or UNKNOWN,
        error_message=_text(said.get("error-message")),
        stack_trace=_text(said.get("stack-trace")),
        attempts=_number(said.get("attempts")) or 0,
        failed_at=max(record.timestamp, 0) if failed_at is None else failed_at,
        key=record.key,
        value=record.value,
        headers=record.headers[:start],
        reasons=record.headers[start:],
    )


def replayed(letter: Letter) -> RawHeaders:
    """The headers of a letter's record on the replay topic."""
    kept = [header for header in letter.reasons if header[0] != REPLAYS]
    return [*letter.headers, *kept, (REPLAYS, str(letter.replays + 1).encode())]


def answered(letter: Letter, reason: str, by: str) -> RawHeaders:
    """The headers of the record that answers a letter."""
    said = {
        RESOLVES: letter.id,
        FAILED_AT: str(letter.failed_at),
        REASON: reason,
        RESOLVED_BY: by,
    }
    return [(name, value.encode(errors="replace")) for name, value in said.items()]


class Open(NamedTuple):
    """What is kept of a letter while it is open."""

    failed_at: int
    partition: int
    offset: int


@dataclass(slots=True)
class Tally:
    """Which letters are open: those without an answer.

    Answers may come before their letters, for they may be on another partition. About 200
    bytes of memory for each letter that the topic has ever had.
    """

    _open: dict[bytes, Open] = field(default_factory=dict)
    _answered: dict[bytes, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Take a record of the dead letter topic into account; a second time changes nothing."""
        found = read(record)
        key = bytes.fromhex(found.id)
        letter = self._open.get(key)
        if isinstance(found, Answer):
            self._answered[key] = max(self._answered.get(key, -1), found.failed_at)
            if letter is not None and letter.failed_at <= found.failed_at:
                del self._open[key]
        elif found.failed_at > self._answered.get(key, -1) and (
            letter is None or found.failed_at > letter.failed_at
        ):
            # A letter whose acknowledgement was lost is written twice, and counts once.
            self._open[key] = Open(found.failed_at, found.partition, found.offset)

    def __contains__(self, letter: Letter) -> bool:
        return self._open.get(bytes.fromhex(letter.id)) == Open(
            letter.failed_at, letter.partition, letter.offset
        )

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[str]:
        return (key.hex() for key in self._open)

    @property
    def oldest(self) -> int | None:
        """When the first of the open letters failed, in Unix milliseconds; none if none is open."""
        return min((letter.failed_at for letter in [*self._open.values()]), default=None)


def _block(headers: RawHeaders) -> int:
    """At which header the block of a letter begins; behind the last, if there is none."""
    for index in range(len(headers) - 1, -1, -1):
        name, value = headers[index]
        if name == ID:
            return index if value is not None and _ID.fullmatch(value) else len(headers)
        if not name.startswith(PREFIX):
            break
    return len(headers)


def _reasons(headers: RawHeaders) -> dict[str, bytes]:
    """The block by the names behind `x-dlq-`; where one is there twice, the last counts."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in headers[_block(headers) :]
        if value is not None
    }


def _origin(said: dict[str, bytes]) -> Origin | None:
    identifier, topic = said.get("id"), said.get("topic")
    partition, offset, replays = (_number(said.get(n)) for n in ("partition", "offset", "replays"))
    if identifier is None or topic is None or not _TOPIC.fullmatch(topic):
        return None
    if partition is None or partition >= 2**31 or offset is None or replays is None:
        return None
    timestamp = _number(said.get("timestamp"))
    return Origin(
        topic=topic.decode(),
        partition=partition,
        offset=offset,
        timestamp=-1 if timestamp is None else timestamp,
        id=identifier.decode(),
        replays=replays,
    )


def _answer(record: Record) -> Answer | None:
    said = dict(record.headers)
    identifier = said.get(RESOLVES)
    if identifier is None or not _ID.fullmatch(identifier):
        return None
    failed_at = _number(said.get(FAILED_AT))
    return Answer(identifier.decode(), _LONGEST if failed_at is None else failed_at)


def _number(text: bytes | None) -> int | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if number <= _LONGEST else None


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw[:_TEXT].decode(errors="replace")

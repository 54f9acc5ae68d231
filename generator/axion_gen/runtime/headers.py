"""The headers of every message: their names, how they are written, how they are checked.

The rules are section 2 of the messaging standard.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from .errors import InvalidMessageError, MetadataError
from .identifiers import derived_message_id

CORRELATION_ID: Final = "x-correlation-id"
CAUSATION_ID: Final = "x-causation-id"
USER_ID: Final = "x-user-id"
PROJECT_ID: Final = "x-project-id"
TIMESTAMP: Final = "x-timestamp"
MESSAGE_ID: Final = "x-message-id"
MESSAGE_TYPE: Final = "x-message-type"

IN_ORDER: Final = (
    CORRELATION_ID,
    CAUSATION_ID,
    USER_ID,
    PROJECT_ID,
    TIMESTAMP,
    MESSAGE_ID,
    MESSAGE_TYPE,
)
"""The order in which our client writes them."""
ID_INDEX: Final = IN_ORDER.index(MESSAGE_ID)
TYPE_INDEX: Final = IN_ORDER.index(MESSAGE_TYPE)
MANDATORY: Final = (CORRELATION_ID, CAUSATION_ID, USER_ID, PROJECT_ID, TIMESTAMP)
OURS: Final = frozenset(IN_ORDER)

MAX_VALUE_BYTES: Final = 1024

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MILLISECONDS = re.compile(r"[0-9]{1,14}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_FORMS: Final = {
    CORRELATION_ID: (_UUID, "a UUID"),
    MESSAGE_ID: (_UUID, "a UUID"),
    TIMESTAMP: (_MILLISECONDS, "Unix milliseconds"),
}

_PRINTABLE = bytes(range(0x20, 0x7F))
_UUID_SIGNS = bytes(
    sign if sign == ord("-") else ord("x") if chr(sign) in "0123456789abcdef" else 0
    for sign in range(256)
)
_UUID_FORM = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_TWO_UUIDS = _UUID_FORM * 2
_SEPARATORS = b"\n" * 3
_MOST_DIGITS = 14

RawHeaders = Sequence[tuple[str, bytes | None]]
"""Headers as a record has them: in order, a name more than once, a value that may be null."""


class Place(Protocol):
    """Where a record is."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - the words of Kafka
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102


class Record(Place, Protocol):
    """A record as it came from a topic."""

    @property
    def timestamp(self) -> int:
        """When the record was made, in Unix milliseconds."""
        ...

    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> RawHeaders: ...  # noqa: D102


class Headers(NamedTuple):
    """The checked headers of one message."""

    correlation_id: str
    causation_id: str
    user_id: str | None
    project_id: str | None
    timestamp: int
    """When the event was made, in Unix milliseconds."""
    message_id: str
    message_type: str | None

    def encode(self) -> list[tuple[str, bytes]]:
        """The headers as a record carries them."""
        correlation_id, causation_id, user_id, project_id, timestamp, message_id, kind = self
        if user_id is None or project_id is None or kind is None:
            return [
                (name, str(value).encode())
                for name, value in zip(IN_ORDER, self, strict=True)
                if value is not None
            ]
        return [  # the same, in half of the time
            (CORRELATION_ID, correlation_id.encode()),
            (CAUSATION_ID, causation_id.encode()),
            (USER_ID, user_id.encode()),
            (PROJECT_ID, project_id.encode()),
            (TIMESTAMP, b"%d" % timestamp),
            (MESSAGE_ID, message_id.encode()),
            (MESSAGE_TYPE, kind.encode()),
        ]


class _MoreHeaders(Headers):
    """Headers with others behind them."""

    more: Sequence[tuple[str, bytes]] = ()

    def encode(self) -> list[tuple[str, bytes]]:
        return [*super().encode(), *self.more]


def with_more(headers: Headers, more: list[tuple[str, bytes]]) -> Headers:
    """The headers of a message about to be emitted, and others that are not ours."""
    extended = _MoreHeaders(*headers)
    extended.more = [*more_of(headers), *more]
    return extended


def more_of(headers: Headers) -> Sequence[tuple[str, bytes]]:
    """Those of the headers of a message about to be emitted that are not ours."""
    return headers.more if isinstance(headers, _MoreHeaders) else ()


def fault_of(name: str, value: str) -> str | None:
    """What is wrong with a header's value; none if it is as the standard wants it."""
    if not value:
        return "is empty"
    if len(value) > MAX_VALUE_BYTES or len(value.encode(errors="replace")) > MAX_VALUE_BYTES:
        return f"is longer than {MAX_VALUE_BYTES} bytes"
    if _CONTROL.search(value):
        return "contains control characters"
    if _SURROGATES.search(value):
        return "is not UTF-8"
    form = _FORMS.get(name)
    if form is not None and not form[0].fullmatch(value):
        return f"is not {form[1]}"
    return None


@lru_cache(maxsize=1024)  # users and projects come again and again
def checked(name: str, value: str) -> str:
    """A value for a header to be emitted; `MetadataError` names the header it is no value for."""
    fault = fault_of(name, value)
    if fault is not None:
        raise MetadataError(f"{name} {fault}")
    return value


def raw_message_id(record: Record) -> bytes | None:
    """The id a record says it has, unchecked, if it does."""
    return next((value for name, value in record.headers if name == MESSAGE_ID), None)


def message_id_of(record: Record, source: Place | None = None) -> str:
    """The id a record says it has, unchecked, or else the `topic:partition:offset` of its source.

    The source of a record is where it was read, or was first read if it is a replayed one.
    """
    raw = raw_message_id(record)
    if raw is None:
        place = source or record
        return f"{place.topic}:{place.partition}:{place.offset}"
    return raw.decode(errors="replace")


def decode(
    record: Record, *, foreign_producers: bool = False, source: Place | None = None
) -> Headers:
    """Read and check a record's headers; `source` is as for `message_id_of`.

    With `foreign_producers`, what is missing is filled as for a root message, and user
    and project may be unknown; what is there must be right all the same.

    Raises:
        InvalidMessageError: a mandatory header is missing, or one is there twice or malformed.
    """
    if are_in_order(record.headers):
        return in_order(record.headers)
    return _decode_any(record, foreign_producers, source)


def in_order(headers: RawHeaders) -> Headers:
    """The headers that `are_in_order` has found to be right."""
    values = [value or b"" for _, value in headers[: len(IN_ORDER)]]
    correlation_id, causation_id, user_id, project_id, timestamp, message_id, message_type = values
    return Headers(
        correlation_id.decode(),
        causation_id.decode(),
        user_id.decode(),
        project_id.decode(),
        int(timestamp),
        message_id.decode(),
        message_type.decode(),
    )


def are_in_order(headers: RawHeaders) -> bool:
    """Whether they are right, and as our own client writes them; if not, see what `decode` says.

    Most messages go this way, and are not taken apart: most headers are never asked for.
    """
    if len(headers) != len(IN_ORDER):
        if len(headers) < len(IN_ORDER):
            return False
        if any(name in OURS for name, _ in headers[len(IN_ORDER) :]):
            return False
        headers = headers[: len(IN_ORDER)]
    (n0, v0), (n1, v1), (n2, v2), (n3, v3), (n4, v4), (n5, v5), (n6, v6) = headers
    # One by one, and not as a tuple: that is the fastest.
    if not (
        n0 == CORRELATION_ID
        and n1 == CAUSATION_ID
        and n2 == USER_ID
        and n3 == PROJECT_ID
        and n4 == TIMESTAMP
        and n5 == MESSAGE_ID
        and n6 == MESSAGE_TYPE
    ) or not (v0 and v1 and v2 and v3 and v4 and v5 and v6):
        return False
    texts = b"\n".join((v1, v2, v3, v6))
    return (
        (v0 + v5).translate(_UUID_SIGNS) == _TWO_UUIDS
        and v4.isdigit()
        and len(v4) <= _MOST_DIGITS
        and texts.translate(None, _PRINTABLE) == _SEPARATORS
        and len(texts) <= MAX_VALUE_BYTES  # together they are short enough for one
    )


def _decode_any(record: Record, foreign_producers: bool, source: Place | None) -> Headers:
    found: dict[str, str] = {}
    for name, raw in record.headers:
        if name not in OURS:
            continue
        if name in found:
            raise InvalidMessageError(f"header {name} is there twice")
        try:
            value = (raw or b"").decode()
        except UnicodeDecodeError:
            raise InvalidMessageError(f"header {name} is not UTF-8") from None
        fault = fault_of(name, value)
        if fault is not None:
            raise InvalidMessageError(f"header {name} {fault}")
        found[name] = value
    message_id = found.get(MESSAGE_ID) or message_id_of(record, source)
    if foreign_producers:
        found.setdefault(CORRELATION_ID, derived_message_id(message_id, 0))
        found.setdefault(CAUSATION_ID, message_id)
        found.setdefault(TIMESTAMP, str(max(record.timestamp, 0)))
    else:
        for name in MANDATORY:
            if name not in found:
                raise InvalidMessageError(f"header {name} is missing")
    return Headers(
        correlation_id=found[CORRELATION_ID],
        causation_id=found[CAUSATION_ID],
        user_id=found.get(USER_ID),
        project_id=found.get(PROJECT_ID),
        timestamp=int(found[TIMESTAMP]),
        message_id=message_id,
        message_type=found.get(MESSAGE_TYPE),
    )

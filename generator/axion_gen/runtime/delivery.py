"""One record on its way to its handler."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from .contract import Message, Topic
from .dead_letters import Origin
from .headers import Headers, Record, in_order, message_id_of
from .identifiers import idempotency_key
from .statistics import TopicStatistics

if TYPE_CHECKING:
    from .client import Client


Outcome = Literal["handled", "skipped", "duplicate", "dead-lettered"]
"""How a delivery came to its end."""


class Delivery:
    """A record, and what the interceptors have learned of it so far."""

    __slots__ = (
        "_headers",
        "_key",
        "attempts",
        "client",
        "deliveries",
        "error",
        "in_order",
        "marked",
        "message",
        "origin",
        "outcome",
        "payload",
        "record",
        "reply",
        "session",
        "statistics",
        "topic",
    )

    def __init__(self, record: Record, topic: Topic, statistics: TopicStatistics) -> None:
        self.record = record
        self.topic = topic
        self.statistics = statistics
        self.in_order = False
        """Whether its headers are right, as our own client writes them, not taken apart yet."""
        self.message: Message[Any] | None = None
        self.payload: BaseModel | None = None
        self.origin: Origin | None = None
        """Where it was first read, for a record of the replay topic."""
        self.deliveries = 1
        """How often it was begun, this time included, as far as the store knows."""
        self.attempts = 0
        """How often the handler has been called for it."""
        self.outcome: Outcome = "handled"
        self.marked = False
        """Whether the handler's own transaction has marked it as processed."""
        self.error: Exception | None = None
        """What it has failed with: at first, then what it is a dead letter for."""
        self.client: Client | None = None
        """Emits within the handler's transaction, with a store that has one."""
        self.reply: BaseModel | None = None
        """What its handler has returned, sent as its reply."""
        self.session: Any = None
        """That transaction, an `AsyncSession`."""
        self._headers: Headers | None = None
        self._key: str | None = None

    @property
    def headers(self) -> Headers | None:
        """Its headers; none until they have been checked."""
        if self._headers is None and self.in_order:
            self._headers = in_order(self.record.headers)
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers

    @property
    def key(self) -> str:
        """Its idempotency key."""
        if self._key is None:
            record = self.record
            self._key = idempotency_key(record.topic, record.partition, record.offset)
        return self._key

    @property
    def message_id(self) -> str:
        """The id the record says it has, or `topic:partition:offset`."""
        if self.headers is not None:
            return self.headers.message_id
        return message_id_of(self.record, self.origin)

    @property
    def place(self) -> str:
        """Where the record is, for people: topic, partition and offset."""
        record = self.record
        return f"{record.topic}[{record.partition}]@{record.offset}"


Handle = Callable[[Delivery], Coroutine[Any, Any, None]]
"""Handles a delivery to its end, or raises what went wrong."""

Step = Callable[[Delivery], Awaitable[None] | None]
"""The same, and without a coroutine where nothing is to be waited for: most messages go so.

Returns None if all is done, else what is still to be awaited.
"""

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds, while others may use the handler's place.

Raises `LetGoError` where nothing more is to be done about the message.
"""


class LetGoError(BaseException):
    """Ends what is done about a message, for its partition is given back.

    Its next owner begins with it anew. No `Exception`, for it is no failure.
    """

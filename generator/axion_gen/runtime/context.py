"""The context of a message or request: who started the chain, and what caused what.

It is set around each handler and each HTTP request, so what is emitted there inherits
it and nobody passes it by hand (standard, section 2).
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, NoReturn, cast
from uuid import UUID

from typing_extensions import TypeVar  # a part of pydantic, as it were: with defaults in 3.11

from .delivery import Delivery
from .errors import MetadataError
from .headers import (
    CAUSATION_ID,
    CORRELATION_ID,
    MESSAGE_ID,
    PROJECT_ID,
    USER_ID,
    Headers,
    RawHeaders,
    are_in_order,
    checked,
)
from .identifiers import derived_message_id, new_correlation_id, new_message_id
from .keys import read_key

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
        AsyncSession,
    )

LETTER_ORDINAL: Final = 1 << 32
"""The number of the first message that a dead letter's hook emits: no handler emits so many."""

ClientT = TypeVar("ClientT")
IdentityT = TypeVar("IdentityT", bound=str | None)
KeyT = TypeVar("KeyT", default=bytes | None)
"""The type of a record's key: bytes, where the contract says nothing of it."""
ResultT = TypeVar("ResultT")


class Context(Generic[ClientT, IdentityT, KeyT]):
    """What a handler knows of the message it handles, and the client to answer with."""

    __slots__ = ("_attempt", "_delivery", "client", "ordinal")

    def __init__(self, delivery: Delivery, client: ClientT) -> None:
        self.client = client
        self.ordinal = 0
        """The number of messages emitted so far: the next one's id derives from it."""
        self._delivery = delivery
        self._attempt = delivery.attempts - 1

    @property
    def _headers(self) -> Headers:
        headers = self._delivery.headers
        if headers is None:
            raise AssertionError("a delivery reaches its handler with its headers checked")
        return headers

    @property
    def topic(self) -> str:
        """The channel's address in the contract, without `KAFKA_TOPIC_PREFIX`."""
        return self._delivery.topic.address

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the topic's name has for the parameters of the address, by their names there."""
        return self._delivery.topic.values

    @property
    def partition(self) -> int:
        """The partition the record is on."""
        return self._delivery.record.partition

    @property
    def offset(self) -> int:
        """The record's place in its partition."""
        return self._delivery.record.offset

    @property
    def key(self) -> KeyT:
        """The record's key, of the type that the contract says, else its bytes.

        Raises:
            InvalidMessageError: it is not of that type; raised on, it ends as a dead letter.
        """
        key, message = self._delivery.record.key, self._delivery.message
        if message is None or message.key_type is None:
            return cast("KeyT", key)
        return cast("KeyT", read_key(key, message.key_type))

    @property
    def headers(self) -> RawHeaders:
        """All headers of the record, ours and others, as they came."""
        return self._delivery.record.headers

    @property
    def message_id(self) -> str:
        """The message's id: the cause of what is emitted here."""
        return self._headers.message_id

    @property
    def message_type(self) -> str:
        """The message's name in the contract."""
        return self._delivery.message.name if self._delivery.message else ""

    @property
    def correlation_id(self) -> str:
        """The id of the chain of messages and requests that this one belongs to."""
        return self._headers.correlation_id

    @property
    def causation_id(self) -> str:
        """The id of the message that caused this one."""
        return self._headers.causation_id

    @property
    def user_id(self) -> IdentityT:
        """Who started the chain."""
        return cast("IdentityT", self._headers.user_id)

    @property
    def project_id(self) -> IdentityT:
        """For which project; nothing of another one may be seen or changed."""
        return cast("IdentityT", self._headers.project_id)

    @property
    def timestamp(self) -> datetime:
        """When the message was made, by its producer's clock: it informs and orders nothing."""
        return datetime.fromtimestamp(self._headers.timestamp / 1000, UTC)

    @property
    def attempt(self) -> int:
        """How many times this message was tried before, from 0."""
        return self._attempt

    @property
    def replays(self) -> int:
        """How often it came back from the dead letter topic."""
        return self._delivery.origin.replays if self._delivery.origin else 0

    @property
    def session(self) -> "AsyncSession":
        """The transaction that this attempt runs in: what is written here holds if it succeeds.

        Raises:
            LookupError: the bus runs without a SQL store.
        """
        session: AsyncSession | None = self._delivery.session
        if session is None:
            raise LookupError(
                "no transaction: the bus has no SQL store, Bus(..., store=SqlStore())"
            )
        return session

    def wait(self, awaitable: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Await something from a synchronous handler, which runs in a thread.

            message_id = context.wait(context.client.emit("item.events", ItemCreated(...)))

        Raises:
            RuntimeError: called on the event loop: `await` it there.
        """
        loop = thread_loop.get()
        if loop is None:
            raise RuntimeError("`wait` is for handlers that are a plain `def`; `await` it here")
        return asyncio.run_coroutine_threadsafe(awaitable, loop).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Says of a message to be emitted what context does not say, or says otherwise."""

    user_id: str | UUID | None = None
    project_id: str | UUID | None = None
    trace_id: str | UUID | None = None
    """The correlation id of the chain, a UUID; a new one starts a new chain."""
    causation_id: str | UUID | None = None
    message_id: str | UUID | None = None
    """A UUID; give the same one again to say that it is the same message."""


@dataclass(slots=True)
class Request:
    """The context of an HTTP request: what everything emitted within it inherits."""

    correlation_id: str
    user_id: str | None
    project_id: str | None
    causation_id: str | None = None
    """What caused the request, if its client said so."""


current: ContextVar[Context[Any, Any] | Request | None] = ContextVar("axion", default=None)
"""The message or request at hand. Each message is handled in a task of its own or sets it anew."""

thread_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("axion_loop", default=None)
"""The bus's event loop, in the threads of synchronous handlers."""


def turn_to(delivery: Delivery) -> None:
    """Make a delivery the message at hand where its handler has not: for log lines and hooks."""
    here = current.get()
    if not (isinstance(here, Context) and here._delivery is delivery):  # noqa: SLF001 - its own
        if delivery.headers is None:  # not looked at yet, or wrong
            delivery.in_order = are_in_order(delivery.record.headers)
        current.set(None if delivery.headers is None else Context(delivery, None))


def turn_to_letter(delivery: Delivery) -> None:
    """Make a dead letter the message at hand, for its hook.

    What that emits has ids of its own, the same ones each time it is called, whatever the
    handler has emitted before it failed.
    """
    current.set(None)
    turn_to(delivery)
    here = current.get()
    if isinstance(here, Context):
        here.ordinal = LETTER_ORDINAL


class Identity(NamedTuple):
    """For whom something is done, and in which chain of requests and messages."""

    correlation_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None


def identity() -> Identity:
    """That of the message or request at hand, as far as it is known and well-formed."""
    here = current.get()
    if here is None:
        return Identity()
    return Identity(here.correlation_id, here.user_id, here.project_id)


def log_context() -> dict[str, str | int]:
    """The ids of the message or request at hand, by the names a log line gives them."""
    here = current.get()
    if here is None:
        return {}
    ids: dict[str, str | int | None] = {
        "correlation_id": here.correlation_id,
        "causation_id": here.causation_id,
        "user_id": here.user_id,
        "project_id": here.project_id,
    }
    if isinstance(here, Context):
        ids |= {
            "message_id": here.message_id,
            "message_type": here.message_type,
            "topic": here.topic,
            "partition": here.partition,
            "offset": here.offset,
        }
    return {name: value for name, value in ids.items() if value is not None}


def complete(metadata: Metadata | None, message_type: str) -> Headers:
    """The headers of a message about to be emitted: explicit metadata, else context.

    Raises:
        MetadataError: user or project are not known, or a value is none for its header.
    """
    here = current.get()
    chain = caused_by = user_id = project_id = message_id = None
    if here is not None:
        # What the context says was checked when it came in.
        chain, user_id, project_id = here.correlation_id, here.user_id, here.project_id
        caused_by = here.message_id if isinstance(here, Context) else here.causation_id
    if metadata is not None:
        if metadata.trace_id:
            chain = checked(CORRELATION_ID, str(metadata.trace_id))
        if metadata.causation_id:
            caused_by = checked(CAUSATION_ID, str(metadata.causation_id))
        if metadata.user_id:
            user_id = checked(USER_ID, str(metadata.user_id))
        if metadata.project_id:
            project_id = checked(PROJECT_ID, str(metadata.project_id))
        if metadata.message_id:
            message_id = checked(MESSAGE_ID, str(metadata.message_id))
    if message_id is None:
        if isinstance(here, Context):
            message_id = derived_message_id(here.message_id, here.ordinal)
            here.ordinal += 1
        else:
            message_id = new_message_id()
    return Headers(
        chain or new_correlation_id(),
        caused_by or message_id,
        user_id or _unknown(USER_ID),
        project_id or _unknown(PROJECT_ID),
        time.time_ns() // 1_000_000,
        message_id,
        message_type,
    )


def _unknown(header: str) -> NoReturn:
    raise MetadataError(
        f"{header} is not known: emit within a handler or a request that carries it,"
        f" or pass metadata=Metadata({header[2:].replace('-', '_')}=...)"
    )

"""What a store of processed records does (standard, section 6)."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..client import Client, Transport
from ..delivery import Delivery, Handle
from ..headers import RawHeaders

ClientT = TypeVar("ClientT")


@dataclass(frozen=True, slots=True)
class Begun:
    """What a store knows of a record that is about to be handled."""

    processed: bool = False
    """It was brought to its end before: skip it."""
    reason: str = "already processed"
    """Why it is skipped, for people."""
    deliveries: int = 1
    """How often it was begun and not brought to an end, this time included."""


class Store(Protocol):
    """Keeps the marks of one consumer group.

    A mark keeps the message id and the record's timestamp beside the idempotency key. When
    they differ from the record's, the topic was made again and the offset used again: the
    record is new, its mark replaced, a warning given.
    """

    @property
    def retention_s(self) -> float | None:
        """How long marks are kept, in seconds; none: not by time."""
        ...

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """Errors that say that the store itself is away; they are held, not dead-lettered."""
        ...

    async def start(self, service: str, group: str, client: Callable[[Transport], Client]) -> None:
        """Connect, and see that what is needed is there; `client` makes typed clients.

        Raises:
            StartError: it is not; the text says what to do.
        """

    async def stop(self) -> None:
        """Let go of what `start` took, within a few seconds."""

    def begin(self, delivery: Delivery) -> Begun | Awaitable[Begun]:
        """Look a record up before anything is done with it; at once, or awaited."""
        ...

    def transact(self, following: Handle) -> Handle:
        """Put one attempt into a transaction, if the store has any; it sets `marked`."""
        ...

    def end(self, delivery: Delivery) -> Awaitable[None] | None:
        """Mark a record as processed, with its outcome, where no transaction has done so."""

    async def abandon(self, delivery: Delivery) -> None:
        """Take back that a record was begun: it is let go, through no fault of its own."""


Send = Callable[[str, bytes | None, bytes | None, RawHeaders], Awaitable[None]]
"""Sends a record: address of the channel, key, value, headers. Raises `EmitError`."""


class RelayNumbers(Protocol):
    """What the relay of an outbox says of itself."""

    @property
    def sent(self) -> int:
        """How many rows were acknowledged here."""
        ...

    @property
    def pending(self) -> int:
        """How many rows are to be sent."""
        ...

    @property
    def parked(self) -> int:
        """How many rows cannot be sent: each waits for a person."""
        ...

    @property
    def oldest_age_s(self) -> float:
        """The age of the oldest row that is to be sent, in seconds; 0 if there is none."""
        ...

    @property
    def leader(self) -> bool:
        """Whether this instance is the one that sends."""
        ...


@runtime_checkable
class OutboxStore(Protocol):
    """A store with an outbox: what is emitted in its transactions is sent once they commit."""

    @property
    def relay(self) -> RelayNumbers | None:
        """The numbers of what sends the outbox; none before the bus runs."""
        ...

    async def start_relay(self, service: str, send: Send) -> None:
        """Begin to send what the outbox of the service holds.

        Raises:
            StartError: the database is not as it must be.
        """

    async def stop_relay(self) -> None:
        """Finish what is on its way, within some seconds."""

    def transaction(
        self, service: str, client: Callable[[Transport], Client]
    ) -> AbstractAsyncContextManager[Any]:
        """A transaction outside any handler: its session, and a client that emits within it."""
        ...

    def outbox(
        self,
        session: Any,  # an `AsyncSession`, of a library that need not be there
        service: str,
        client: Callable[[Transport], ClientT],
    ) -> ClientT:
        """A client that emits within the transaction of a session that is there already."""
        ...

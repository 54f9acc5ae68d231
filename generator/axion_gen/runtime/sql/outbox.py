"""The outbox: what is emitted in a database transaction is sent once it has committed.

A row is written beside everything else that the transaction writes, so either all of it
holds or nothing does; the relay sends the rows. Kafka may be away meanwhile.

The relay keeps the order of each key: rows of one transaction in the order in which they
were emitted; rows of two, if the second emitted after the first had committed. Where the
two change the same entity that is so as soon as each takes the entity's row lock, or checks
its version, before it emits: the second then waits for the first, or fails. Transactions
that run at the same time without knowing of each other have no order to keep.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    Dialect,
    event,
    insert,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
    AsyncSession,
)
from sqlalchemy.orm import (  # type: ignore[import-not-found,unused-ignore]
    Session,
)

from ..client import Outgoing, Transport
from ..headers import RawHeaders
from .statements import Statement
from .tables import now_ms, outbox

ClientT = TypeVar("ClientT")


class OutboxTransport:
    """Emits into the outbox, within a session's transaction."""

    def __init__(self, session: AsyncSession, service: str) -> None:
        self._session = session
        self._service = service
        self.used = False
        """Whether there is something to send once the transaction has committed."""

    async def send(self, outgoing: Outgoing) -> None:
        """Write a row: the message is safe when the transaction commits, and not sent before.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it cannot be written; the transaction has failed.
        """
        self.used = True
        await self._session.run_sync(
            _insert,
            {
                "service": self._service,
                "topic": outgoing.topic,
                "key": outgoing.key,
                "value": outgoing.value,
                "headers": to_text(outgoing.headers.encode()),
                "message_id": outgoing.headers.message_id,
            },
        )


@dataclass(frozen=True, slots=True)
class Transaction(Generic[ClientT]):
    """A database transaction, and the client that emits within it."""

    session: AsyncSession
    """Commits when the `async with` is left, rolls back when an error leaves it."""
    client: ClientT


@asynccontextmanager
async def begin(
    engine: AsyncEngine,
    client: Callable[[Transport], ClientT],
    service: str,
    wake: Callable[[], None],
) -> AsyncIterator[Transaction[ClientT]]:
    """A transaction for what is no handler: an HTTP request, a script.

    Args:
        engine: the service's database.
        client: makes a typed client on a transport.
        service: whose outbox it is.
        wake: called after the commit: there is something to send.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: it cannot be committed: nothing holds, nothing is sent.
    """
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield Transaction(session, client(OutboxTransport(session, service)))
    wake()


def outbox_client(
    session: AsyncSession,
    client: Callable[[Transport], ClientT],
    service: str,
    wake: Callable[[], None],
) -> ClientT:
    """A client that emits within the transaction of a session that the caller has already.

    `wake` is called after each of the session's commits.
    """
    if _WAKES not in session.info:
        session.info[_WAKES] = True
        event.listen(session.sync_session, "after_commit", lambda _: wake())
    return client(OutboxTransport(session, service))


def to_text(headers: RawHeaders) -> str:
    """Headers as the table keeps them: JSON that a person can read, and no byte is lost."""
    return json.dumps(
        [
            (name, None if value is None else value.decode("utf-8", "surrogateescape"))
            for name, value in headers
        ]
    )


def from_text(text: str) -> list[tuple[str, bytes | None]]:
    """The headers that `to_text` has written.

    Raises:
        ValueError: somebody else has.
    """
    try:
        return [
            (name, None if value is None else value.encode("utf-8", "surrogateescape"))
            for name, value in json.loads(text)
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"its headers are not as they were written: {error}") from None


def _insert(session: Session, row: dict[str, str | bytes | None]) -> None:
    connection = session.connection()
    dialect = connection.dialect
    statement = _inserts.get(dialect)
    if statement is None:
        # Inline: the new row's id is not asked for.
        new = insert(outbox).values(created_at=now_ms(dialect.name), attempts=0, parked=False)
        statement = _inserts[dialect] = Statement(new.inline(), dialect, row)
    statement.execute(connection, row)


_inserts: Final[WeakKeyDictionary[Dialect, Statement]] = WeakKeyDictionary()
_WAKES = "axion_outbox_wakes"

"""Marks in the service's own database, written by the handler's own transaction."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final, TypeVar

from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
)
from sqlalchemy.orm import (  # type: ignore[import-not-found,unused-ignore]
    Session,
)

from ..client import Client, Transport
from ..context import turn_to
from ..delivery import Delivery, Handle
from ..errors import BusError, DependencyUnavailable, PermanentError, StartError
from ..stores.base import Begun, Send
from ..stores.batches import Batches
from ..stores.marks import RETENTION_S
from .failures import reason, says_away
from .inbox import Inbox
from .notes import Notes
from .outbox import OutboxTransport, Transaction, begin, outbox_client
from .relay import Relay
from .tables import missing_tables
from .turns import turn_of

logger = logging.getLogger(__name__)

ClientT = TypeVar("ClientT")

PATIENCE_S: Final = 2.0
"""Letting go waits no longer than this for the database."""
SUSPECT: Final = 2
"""With its second delivery a record may be what the process has died of."""
PURGE_INTERVAL_S: Final = 3600.0


class StillHandledError(BusError):
    """Another instance is in the midst of handling the record, in a transaction not yet over."""


class SqlStore:
    """Keeps marks in the table `axion_inbox` of a database, for `retention_s` seconds.

    Each attempt of a handler is one transaction, `context.session`. Its first statement is
    the mark, so the mark and the rows that the handler writes hold together or not at all:
    exactly once for those rows, and for nothing else. What the handler emits with
    `context.client` goes to the outbox, in the same transaction.

    That a record is begun is noted too. One whose handling never ended runs alone the second
    time, and is dead-lettered the third time: it may be what the process died of. What was
    under way beside it only waits, uncounted, until it has run alone as well.

    The engine stays its owner's: closing it is left to whoever made it.
    """

    outages: tuple[type[Exception], ...] = ()
    """The types of SQLAlchemy do not tell an outage; `DependencyUnavailable` is raised for it."""

    def __init__(self, engine: AsyncEngine, *, retention_s: float = RETENTION_S) -> None:
        self.retention_s: float | None = retention_s
        self.on_commit: Callable[[], None] | None = None
        """Called after each commit of a transaction that wrote to the outbox."""
        self._engine = engine
        # A session that a handler has kept must not begin a transaction that nobody ends.
        self._sessions = async_sessionmaker(engine, expire_on_commit=False, close_resets_only=False)
        self._purging: asyncio.Task[None] | None = None
        self._relay: Relay | None = None

    async def start(self, service: str, group: str, client: Callable[[Transport], Client]) -> None:
        """See that the tables are there, and begin to purge.

        Raises:
            StartError: the database does not answer, or lacks the tables.
        """
        await self._require_tables()
        self._service = service
        self._client = client
        self._turn = turn_of(self._engine)
        self._inbox = Inbox(self._engine, group)
        self._notes = Notes(self._engine, group)
        self._begins: Batches[Delivery, Begun | None] = Batches(
            self._notes.add, self._notes.take_back
        )
        self._ends: Batches[Delivery, None] = Batches(self._inbox.mark)
        self._purging = asyncio.create_task(self._purge_regularly(), name="inbox purge")

    async def stop(self) -> None:
        """Wait a little for what is under way."""
        if self._purging is None:
            return
        self._purging.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait((self._purging,))
                await self._begins.settle()
                await self._ends.settle()

    async def _require_tables(self) -> None:
        dialect = self._engine.dialect.name
        if dialect not in ("postgresql", "sqlite"):
            raise StartError(f"SqlStore needs PostgreSQL or SQLite; this engine is for {dialect}")
        try:
            missing = await missing_tables(self._engine)
        except (SQLAlchemyError, OSError) as error:
            raise StartError(f"the database of SqlStore is away: {reason(error)}") from None
        if missing:
            raise StartError(
                f"the database of SqlStore lacks {', '.join(missing)}: run the migration that"
                " adds `axion_metadata`, or for development `await create_tables(engine)`"
            )

    async def begin(self, delivery: Delivery) -> Begun:
        """Note that a record is begun.

        Raises:
            StillHandledError: it is being handled elsewhere; ask again.
        """
        begun = await self._begins.call(delivery)
        if begun is None:
            raise StillHandledError("another instance is still handling it")
        if begun.deliveries == SUSPECT:
            # It counts once it runs, alone: until then the process dies of something else.
            await self._take_back(delivery)
        return begun

    def transact(self, following: Handle) -> Handle:
        """Put one attempt into a transaction, whose first statement is the mark."""

        async def attempt(delivery: Delivery) -> None:
            try:
                if delivery.deliveries == SUSPECT and delivery.attempts <= 1:
                    await self._count(delivery)
                async with self._turn:
                    claimed = await self._try(following, self._sessions(), delivery)
            except Exception as error:  # all are raised, some under a truer name
                if says_away(error):
                    raise _away(error) from error
                raise
            finally:
                delivery.session = delivery.client = None
            if not claimed:
                turn_to(delivery)
                logger.info("%s: it, or its message id, was handled meanwhile", delivery.place)
                delivery.outcome = "duplicate"
                await self.end(delivery)
                delivery.statistics.duplicates += 1
            delivery.marked = True

        return attempt

    async def _count(self, delivery: Delivery) -> None:
        try:
            await self._begins.call(delivery)
        except OSError as error:  # as below
            raise _away(error) from error

    async def _claim(self, session: AsyncSession, delivery: Delivery) -> bool:
        try:
            return await self._inbox.claim(session, delivery)
        except OSError as error:  # connecting, the driver raises what the system says
            raise _away(error) from error

    async def _try(self, following: Handle, session: AsyncSession, delivery: Delivery) -> bool:
        """Claim the record and have it handled, all in one session; false if it is no more to."""
        try:
            claimed = await self._claim(session, delivery)
            if claimed:
                await self._run(following, session, delivery)
            else:
                await session.close()
        except BaseException:
            async with session:  # which closes it, whatever else comes meanwhile
                raise
        return claimed

    async def _run(self, following: Handle, session: AsyncSession, delivery: Delivery) -> None:
        transaction = session.sync_session.get_transaction()
        outbox = OutboxTransport(session, self._service)
        delivery.session = session
        delivery.client = self._client(outbox)
        await following(delivery)
        if transaction is None or not transaction.is_active:
            raise PermanentError(
                "the handler ended its transaction: leave commit and rollback to the bus;"
                " `session.begin_nested()` is for a part that may fail"
            )
        await session.run_sync(_commit)
        if outbox.used:
            self._wake()

    async def start_relay(self, service: str, send: Send) -> None:
        """Begin to send what the outbox of the service holds.

        Raises:
            StartError: the database is not as it must be.
        """
        await self._require_tables()
        self._relay = Relay(self._engine, service, send)
        self.on_commit = self._relay.wake
        await self._relay.start()

    async def stop_relay(self) -> None:
        """Finish what is on its way, within 10 s."""
        if self._relay is not None:
            await self._relay.stop()

    @property
    def relay(self) -> Relay | None:
        """What sends the outbox, and its numbers; none before the bus runs."""
        return self._relay

    def transaction(
        self, service: str, client: Callable[[Transport], ClientT]
    ) -> AbstractAsyncContextManager[Transaction[ClientT]]:
        """A transaction outside any handler: its session, and a client that emits within it."""
        return begin(self._engine, client, service, self._wake)

    def outbox(
        self, session: AsyncSession, service: str, client: Callable[[Transport], ClientT]
    ) -> ClientT:
        """A client that emits within the transaction of a session that is there already."""
        return outbox_client(session, client, service, self._wake)

    def _wake(self) -> None:
        if self.on_commit is not None:
            self.on_commit()

    async def end(self, delivery: Delivery) -> None:
        """Mark a record as processed, unless it is."""
        await self._ends.call(delivery)

    async def abandon(self, delivery: Delivery) -> None:
        """Take back that a record was begun, if that can be done quickly."""
        if delivery.deliveries != SUSPECT or delivery.attempts:
            await self._take_back(delivery)

    async def _take_back(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._notes.take_back((delivery,))
        except (SQLAlchemyError, OSError) as error:
            turn_to(delivery)
            logger.warning("%s: still counts as begun: %s", delivery.place, reason(error))

    async def _purge_regularly(self) -> None:
        retention_ms = int((self.retention_s or 0) * 1000)
        while True:
            try:
                await self._inbox.purge(retention_ms)
            except (SQLAlchemyError, OSError) as error:
                logger.warning("old marks are not purged, next try later: %s", reason(error))
            await asyncio.sleep(PURGE_INTERVAL_S)


def _commit(session: Session) -> None:
    session.commit()
    session.close()


def _away(error: Exception) -> DependencyUnavailable:
    return DependencyUnavailable(f"the database is away: {reason(error)}")

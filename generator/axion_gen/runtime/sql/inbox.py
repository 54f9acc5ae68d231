"""The marks of processed records, in the table `axion_inbox`."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    Connection,
    bindparam,
    delete,
    select,
)
from sqlalchemy.dialects import (  # type: ignore[import-not-found,unused-ignore]
    postgresql,
    sqlite,
)
from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    IntegrityError,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
    AsyncSession,
)
from sqlalchemy.orm import (  # type: ignore[import-not-found,unused-ignore]
    Session,
)

from ..delivery import Delivery
from ..stores.marks import message_id_of
from .statements import Statement
from .tables import inbox, now_ms
from .turns import in_transaction

Row = dict[str, Any]

PURGED_AT_ONCE: Final = 1000


class Inbox:
    """The marks of one consumer group."""

    def __init__(self, engine: AsyncEngine, group: str) -> None:
        dialect = engine.dialect.name
        self._engine = engine
        now = now_ms(dialect)
        mine = inbox.c.consumer_group == group
        # The row is there since the record was begun, unless a crash of the server lost it.
        insert = (sqlite if dialect == "sqlite" else postgresql).insert(inbox)
        self._mark = Statement(
            insert.values(consumer_group=group, deliveries=1, updated_at=now).on_conflict_do_update(
                index_elements=[inbox.c.consumer_group, inbox.c.key],
                set_={"outcome": insert.excluded.outcome, "updated_at": now},
                where=inbox.c.outcome.is_(None),
            ),
            engine.dialect,
            ("key", "message_id", "timestamp", "topic", "partition", "offset", "outcome"),
        )
        old = inbox.c.updated_at < now - bindparam("retention_ms")
        some = select(inbox.c.key).where(mine, old).limit(PURGED_AT_ONCE)
        self._purge = delete(inbox).where(mine, inbox.c.key.in_(some))

    async def claim(self, session: AsyncSession, delivery: Delivery) -> bool:
        """Mark a record as handled; false if it is processed, or its message id is handled.

        Whoever comes second waits until it is known whether the first one commits.
        """
        row = row_of(delivery, "handled")

        def mark(session: Session) -> bool:
            return bool(self._mark.execute(session.connection(), row).rowcount)

        try:
            marked: bool = await session.run_sync(mark)
        except IntegrityError:  # the message id, handled as another record at this moment
            return False
        return marked

    async def mark(self, deliveries: Sequence[Delivery]) -> list[None]:
        """Mark records as processed, each with its outcome, unless they are."""
        rows = {delivery.key: row_of(delivery, delivery.outcome) for delivery in deliveries}

        def mark(connection: Connection) -> None:
            # In one order everywhere, or two instances could wait for each other.
            self._mark.execute_many(connection, [rows[key] for key in sorted(rows)])

        await in_transaction(self._engine, mark)
        return [None] * len(deliveries)

    async def purge(self, retention_ms: int) -> None:
        """Delete the marks that are older than that, a bounded number in each transaction."""

        def purge(connection: Connection) -> int:
            return int(connection.execute(self._purge, {"retention_ms": retention_ms}).rowcount)

        while await in_transaction(self._engine, purge) == PURGED_AT_ONCE:
            pass


def row_of(delivery: Delivery, outcome: str | None = None) -> Row:
    """What a mark says of its record."""
    record = delivery.record
    return {
        "key": delivery.key,
        "message_id": message_id_of(record),
        "timestamp": record.timestamp,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "outcome": outcome,
    }

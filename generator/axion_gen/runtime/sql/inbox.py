"""What is done with the table `axion_inbox`: in batches, or in a handler's transaction."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    and_,
    bindparam,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import (  # type: ignore[import-not-found,unused-ignore]
    postgresql,
    sqlite,
)
from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    IntegrityError,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
)

from ..delivery import Delivery
from ..stores.base import Begun
from ..stores.marks import message_id_of, warn_of_topic_made_again
from .tables import inbox, now_ms
from .turns import turn_of

logger = logging.getLogger(__name__)

Row = dict[str, Any]

FIRST: Final = {
    # A note that is lost with the server was about a transaction that was lost with it.
    "postgresql": "SET LOCAL synchronous_commit = off",
    # A transaction that has read cannot wait for its turn to write: it must write first.
    "sqlite": "UPDATE axion_inbox SET deliveries = deliveries WHERE 0",
}
"""The first statement of a note's transaction, for each database that is known."""

PURGED_AT_ONCE: Final = 1000


class Inbox:
    """The marks of one consumer group."""

    def __init__(self, engine: AsyncEngine, group: str) -> None:
        dialect = engine.dialect.name
        self._engine = engine
        self._group = group
        self._first = FIRST[dialect]
        self.turn = turn_of(engine)

        now = now_ms(dialect)
        insert = (sqlite if dialect == "sqlite" else postgresql).insert(inbox)
        values = {"consumer_group": group, "updated_at": now}
        mine = inbox.c.consumer_group == group
        open_ = and_(mine, inbox.c.outcome.is_(None))
        # A row that is locked is in another instance's transaction: nobody waits for that here.
        free = inbox.c.key.in_(
            select(inbox.c.key)
            .where(mine, inbox.c.key == bindparam("of"))
            .with_for_update(skip_locked=True)
        )
        self._look = select(
            inbox.c.key,
            inbox.c.message_id,
            inbox.c.timestamp,
            inbox.c.outcome,
        ).where(
            mine,
            or_(
                inbox.c.key.in_(bindparam("keys", expanding=True)),
                and_(
                    inbox.c.message_id.in_(bindparam("message_ids", expanding=True)),
                    inbox.c.outcome == "handled",
                ),
            ),
        )
        self._add = insert.values(values).on_conflict_do_nothing()
        self._again = (
            update(inbox)
            .where(open_, free)
            .values(deliveries=inbox.c.deliveries + 1, updated_at=now)
            .returning(inbox.c.deliveries)
        )
        self._replace = (
            update(inbox)
            .where(mine, free)
            .values(
                message_id=bindparam("new_message_id"),
                timestamp=bindparam("new_timestamp"),
                deliveries=1,
                outcome=None,
                updated_at=now,
            )
            .returning(inbox.c.deliveries)
        )
        # It is there since the record was begun, unless the database has lost it in a crash.
        self._mark = insert.values(values).on_conflict_do_update(
            index_elements=[inbox.c.consumer_group, inbox.c.key],
            set_={"outcome": insert.excluded.outcome, "updated_at": now},
            where=inbox.c.outcome.is_(None),
        )
        self._take_back = (
            update(inbox)
            .where(open_, inbox.c.key == bindparam("of"), inbox.c.deliveries > 0)
            .values(deliveries=inbox.c.deliveries - 1)
        )
        old = select(inbox.c.key).where(mine, inbox.c.updated_at < now - bindparam("retention_ms"))
        self._purge = delete(inbox).where(mine, inbox.c.key.in_(old.limit(PURGED_AT_ONCE)))

    async def claim(self, session: AsyncSession, delivery: Delivery) -> bool:
        """Mark a record as handled; false if it is processed, or its message id is handled."""
        try:
            connection = await session.connection()
            result = await connection.execute(self._mark, _row(delivery, "handled"))
        except IntegrityError:  # another record with its message id, at this moment
            return False
        return bool(result.rowcount)

    async def mark(self, deliveries: Sequence[Delivery]) -> list[None]:
        """Mark records as processed, each with its outcome, unless they are."""
        rows = {delivery.key: _row(delivery, delivery.outcome) for delivery in deliveries}
        async with self.turn, self._engine.begin() as connection:
            await connection.execute(self._mark, _in_order(rows))
        return [None] * len(deliveries)

    async def take_back(self, deliveries: Sequence[Delivery]) -> None:
        """Count one begin less."""
        keys = sorted({delivery.key for delivery in deliveries})
        async with self.turn, self._engine.begin() as connection:
            await connection.execute(self._take_back, [{"of": key} for key in keys])

    async def purge(self, retention_ms: int) -> None:
        """Delete the marks that are older than that, a bounded number in each transaction."""
        deleted = PURGED_AT_ONCE
        while deleted == PURGED_AT_ONCE:
            async with self.turn, self._engine.begin() as connection:
                result = await connection.execute(self._purge, {"retention_ms": retention_ms})
                deleted = result.rowcount

    async def note(self, deliveries: Sequence[Delivery]) -> list[Begun | None]:
        """Note that records are begun; none for one that is being handled at this moment."""
        by_key = {delivery.key: delivery for delivery in deliveries}
        rows = {key: _row(delivery, None) for key, delivery in by_key.items()}
        ids = {row["message_id"] for row in rows.values()} - {None}
        async with self.turn, self._engine.begin() as connection:
            await connection.exec_driver_sql(self._first)
            look = {"keys": list(rows), "message_ids": list(ids)}
            found = (await connection.execute(self._look, look)).all()
            marks = {mark.key: mark for mark in found if mark.key in rows}
            handled = {mark.message_id for mark in found if mark.outcome == "handled"}
            begun: dict[str, Begun | None] = {}
            new: dict[str, Row] = {}
            for key, row in sorted(rows.items()):
                if key in marks:
                    begun[key] = await self._begin_again(connection, by_key[key], marks[key], row)
                    continue
                if row["message_id"] in handled:
                    logger.info(
                        "%s: message %s was handled before, as another record",
                        by_key[key].place,
                        row["message_id"],
                    )
                    row["outcome"] = "duplicate"
                begun[key] = Begun(processed=row["outcome"] is not None)
                new[key] = row
            if new:
                await connection.execute(self._add, _in_order(new))
        return [begun[delivery.key] for delivery in deliveries]

    async def _begin_again(
        self, connection: AsyncConnection, delivery: Delivery, mark: Any, row: Row
    ) -> Begun | None:
        """Note that a record is begun of which there is a mark, or one of its offset."""
        if (mark.message_id, mark.timestamp) == (row["message_id"], row["timestamp"]):
            if mark.outcome is not None:
                return Begun(processed=True)
            statement, values = self._again, {"of": mark.key}
        else:
            warn_of_topic_made_again(delivery)
            statement = self._replace
            values = {
                "of": mark.key,
                "new_message_id": row["message_id"],
                "new_timestamp": row["timestamp"],
            }
        times: int | None = (await connection.execute(statement, values)).scalar_one_or_none()
        return None if times is None else Begun(deliveries=times)


def _row(delivery: Delivery, outcome: str | None) -> Row:
    record = delivery.record
    return {
        "key": delivery.key,
        "message_id": message_id_of(record),
        "timestamp": record.timestamp,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "deliveries": 1,
        "outcome": outcome,
    }


def _in_order(rows: Mapping[str, Row]) -> list[Row]:
    """Rows by their keys: in another order two instances could wait for each other."""
    return [row for _, row in sorted(rows.items())]

"""That a record is begun is noted before anything is done with it."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    Connection,
    String,
    and_,
    bindparam,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)

from ..delivery import Delivery
from ..stores.base import Begun
from ..stores.marks import warn_of_topic_made_again
from .inbox import Row, row_of
from .statements import Statement
from .tables import inbox, now_ms
from .turns import in_transaction

NEW: Final = Begun()
PROCESSED: Final = Begun(processed=True)
REPEATED: Final = Begun(processed=True, reason="its message was handled from another record")


class Notes:
    """The marks of one consumer group, until they have an outcome.

    A record that is new costs its share of one statement. No statement waits for a row that
    a transaction has locked: that instance is handling the record, it may be slow or frozen,
    and other records must not wait for it.
    """

    def __init__(self, engine: AsyncEngine, group: str) -> None:
        dialect = engine.dialect.name
        self._engine = engine
        if dialect == "postgresql":  # each statement stands for itself, and needs no BEGIN
            self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._group = group

        now = now_ms(dialect)
        mine = inbox.c.consumer_group == group
        begun = and_(mine, inbox.c.outcome.is_(None))
        this = inbox.c.key == bindparam("of")
        free = inbox.c.key.in_(
            select(inbox.c.key).where(mine, this).with_for_update(skip_locked=True)
        )
        self._add = Statement(
            text(_add(dialect)).bindparams(
                bindparam("consumer_group", type_=String()), bindparam("rows", type_=String())
            ),
            engine.dialect,
        )
        self._look = select(
            inbox.c.key, inbox.c.message_id, inbox.c.timestamp, inbox.c.outcome
        ).where(mine, inbox.c.key.in_(bindparam("keys", expanding=True)))
        self._add_again = (
            update(inbox)
            .where(begun, free)
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
        self._take_back = (
            update(inbox)
            .where(begun, this, inbox.c.deliveries > 0)
            .values(deliveries=inbox.c.deliveries - 1)
        )

    async def add(self, deliveries: Sequence[Delivery]) -> list[Begun | None]:
        """Note that records are begun; none for one that is being handled at this moment."""
        rows = {delivery.key: row_of(delivery) for delivery in deliveries}
        values = {"consumer_group": self._group, "rows": json.dumps(list(rows.values()))}

        def add(connection: Connection) -> tuple[dict[str, str | None], dict[str, Begun | None]]:
            added = {row.key: row.outcome for row in self._add.execute(connection, values)}
            known = {delivery.key: delivery for delivery in deliveries if delivery.key not in added}
            return added, self._add_known(connection, known, rows) if known else {}

        added, begun = await in_transaction(self._engine, add)
        for delivery in deliveries:
            outcome = added.get(delivery.key)
            begun.setdefault(delivery.key, NEW if outcome is None else REPEATED)
        return [begun[delivery.key] for delivery in deliveries]

    def _add_known(
        self, connection: Connection, known: dict[str, Delivery], rows: dict[str, Row]
    ) -> dict[str, Begun | None]:
        """The same for records of which, or of whose place, there is a mark."""
        looked = connection.execute(self._look, {"keys": list(known)})
        marks = {mark.key: mark for mark in looked}
        begun: dict[str, Begun | None] = {}
        for key, delivery in known.items():
            row, mark, times = rows[key], marks.get(key), None
            if mark is None:
                pass  # another instance notes it at this moment
            elif (mark.message_id, mark.timestamp) != (row["message_id"], row["timestamp"]):
                warn_of_topic_made_again(delivery)
                new = {"new_message_id": row["message_id"], "new_timestamp": row["timestamp"]}
                times = connection.scalar(self._replace, {"of": key, **new})
            elif mark.outcome is None:
                times = connection.scalar(self._add_again, {"of": key})
            else:
                begun[key] = PROCESSED
                continue
            begun[key] = None if times is None else Begun(deliveries=times)
        return begun

    async def take_back(self, deliveries: Sequence[Delivery]) -> None:
        """Count one begin less of each, unless it has its outcome."""
        keys = sorted({delivery.key for delivery in deliveries})

        def take_back(connection: Connection) -> None:
            connection.execute(self._take_back, [{"of": key} for key in keys])

        await in_transaction(self._engine, take_back)


_NEW_ROWS: Final = {
    "postgresql": """
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS row (
            key text, message_id text, timestamp bigint, topic text, partition int,
            "offset" bigint
        )
    """,
    "sqlite": """
        SELECT
            json_extract(value, '$.key') AS key,
            json_extract(value, '$.message_id') AS message_id,
            json_extract(value, '$.timestamp') AS timestamp,
            json_extract(value, '$.topic') AS topic,
            json_extract(value, '$.partition') AS partition,
            json_extract(value, '$.offset') AS "offset"
        FROM json_each(:rows)
    """,
}
_RETURNING: Final = {
    # A crash of the server may lose a note: it loses the transactions it was about as well.
    "postgresql": "key, outcome, set_config('synchronous_commit', 'off', true)",
    "sqlite": "key, outcome",
}


def _add(dialect: str) -> str:
    """Notes those of `rows` of which nothing is known, and answers with them.

    A message that was handled as another record is noted as a duplicate at once. ON CONFLICT
    by itself would wait for a row that is locked, so what is known is left out before it; by
    a scalar subquery, which looks up each key, where NOT EXISTS may become a join.
    """
    return f"""
        WITH new AS ({_NEW_ROWS[dialect]})
        INSERT INTO axion_inbox (
            consumer_group, key, message_id, timestamp, topic, partition, "offset",
            deliveries, updated_at, outcome
        )
        SELECT
            :consumer_group, key, message_id, timestamp, topic, partition, "offset",
            1, {now_ms(dialect)}, (
                SELECT 'duplicate' FROM axion_inbox AS handled
                WHERE handled.consumer_group = :consumer_group
                AND handled.message_id = new.message_id AND handled.outcome = 'handled'
            )
        FROM new WHERE (
            SELECT known.deliveries FROM axion_inbox AS known
            WHERE known.consumer_group = :consumer_group AND known.key = new.key
        ) IS NULL
        ORDER BY new.key
        ON CONFLICT (consumer_group, key) DO NOTHING
        RETURNING {_RETURNING[dialect]}
    """  # noqa: S608 - of constants only

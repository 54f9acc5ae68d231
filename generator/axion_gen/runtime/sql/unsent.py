"""The rows of the outbox that are not yet sent, as the relay sees them."""

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    ARRAY,
    Connection,
    Integer,
    Text,
    any_,
    bindparam,
    delete,
    exists,
    false,
    func,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)

from .statements import Statement
from .tables import now_ms, outbox
from .turns import in_transaction, limit_hanging

LaneKey = tuple[str, bytes | int]
"""Topic and key, or topic and id where there is no key: such a row is alone."""


class Row(NamedTuple):
    """A message that waits in the outbox."""

    id: int
    topic: str
    """The channel's address, before the prefix."""
    key: bytes | None
    value: bytes | None
    headers: str

    @property
    def lane(self) -> LaneKey:
        """What it shares with those that are sent one after the other."""
        return self.topic, self.id if self.key is None else self.key


class Refusal(NamedTuple):
    """A row that cannot be sent, and why."""

    row: Row
    attempts: int
    error: str


class Exchange(NamedTuple):
    """What is written to the table, and what is taken from it, in order of ids."""

    acknowledged: list[int]
    """Ids of rows to delete."""
    refused: list[Refusal]
    """Rows to park."""
    limit: int
    """How many rows to take at most,"""
    without: set[int]
    """not these,"""
    without_topics: list[str]
    """and not of these topics;"""
    probes: list[str]
    """but one row of each of these."""

    @property
    def writes(self) -> bool:
        """Whether anything is written."""
        return bool(self.acknowledged or self.refused)


class Look(NamedTuple):
    """How much there is to send."""

    pending: int
    parked: int
    oldest_age_s: float
    """Of the oldest of those pending, in seconds; 0 if there is none."""


class Unsent:
    """The outbox of one service."""

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        dialect = engine.dialect.name
        self._service = service
        self._now = now_ms(dialect)
        self._postgresql = dialect == "postgresql"
        # A stricter level, where the service has chosen one, would only make transactions fail.
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED")
            if self._postgresql
            else engine
        )
        gone = delete(outbox).where(_among(dialect, outbox.c.id, "acknowledged"))
        oldest = _oldest(dialect, service)
        next_ = oldest.where(~_among(dialect, outbox.c.topic, "without_topics"))
        self._delete = Statement(gone, engine.dialect)
        self._probe = Statement(oldest.where(outbox.c.topic == bindparam("topic")), engine.dialect)
        self._next = Statement(next_, engine.dialect)
        if self._postgresql:
            both = next_.add_cte(gone.returning(limit_hanging()).cte("gone"))
            self._delete_and_next = Statement(both, engine.dialect)

    async def apply(self, exchange: Exchange) -> list[Row]:
        """Write, and return what is taken, all in one transaction."""

        def apply(connection: Connection) -> list[Row]:
            return self._apply(connection, exchange)

        return await in_transaction(self._engine, apply, writes=exchange.writes)

    def _apply(self, connection: Connection, exchange: Exchange) -> list[Row]:
        values = {
            "acknowledged": self._listed(exchange.acknowledged),
            "without": self._listed(exchange.without),
            "without_topics": self._listed(exchange.without_topics),
            "most": exchange.limit,
        }
        often = exchange.acknowledged and exchange.limit > 0
        if often and self._postgresql and not exchange.refused and not exchange.probes:
            # What is deleted is among what is not to be taken.
            return _rows(self._delete_and_next.execute(connection, values))
        if exchange.writes and self._postgresql:
            connection.execute(select(limit_hanging()))
        # Writing comes first: in SQLite what has read may no longer be able to write.
        if exchange.acknowledged:
            self._delete.execute(connection, values)
        if exchange.refused:
            connection.execute(_PARK, [_parked(refusal) for refusal in exchange.refused])
        rows: list[Row] = []
        for topic in exchange.probes:
            probe = {**values, "topic": topic, "most": 1}
            rows += _rows(self._probe.execute(connection, probe))
        if exchange.limit > 0:
            rows += _rows(self._next.execute(connection, values))
        return rows

    def _listed(self, values: Collection[int | str]) -> Any:
        """A list as a parameter, the same for any length: so there is one statement for all."""
        return list(values) if self._postgresql else json.dumps(list(values))

    async def look(self) -> Look:
        """How much there is to send, and since when."""
        counts = (
            select(outbox.c.parked, func.count())
            .where(outbox.c.service == self._service)
            .group_by(outbox.c.parked)
        )
        oldest = (
            select(self._now - outbox.c.created_at)
            .where(outbox.c.service == self._service, outbox.c.parked == false())
            .order_by(outbox.c.id)
            .limit(1)
        )
        async with self._engine.connect() as connection:
            found = {bool(parked): n for parked, n in await connection.execute(counts)}
            age_ms = (await connection.execute(oldest)).scalar()
        return Look(found.get(False, 0), found.get(True, 0), max(0, age_ms or 0) / 1000)


async def unpark(engine: AsyncEngine, service: str) -> int:
    """Have a service's parked rows sent again, and what waits behind them; how many they were.

    The same as `UPDATE axion_outbox SET parked = false WHERE service = '...' AND parked = true`.
    """
    async with engine.begin() as connection:
        updated = await connection.execute(
            update(outbox)
            .where(outbox.c.service == service, outbox.c.parked == true())
            .values(parked=False)
        )
    return int(updated.rowcount)


def _oldest(dialect: str, service: str) -> Any:
    return (
        select(outbox.c.id, outbox.c.topic, outbox.c.key, outbox.c.value, outbox.c.headers)
        .where(
            outbox.c.service == service,
            outbox.c.parked == false(),
            # What shares its key with a parked row waits behind it.
            ~exists().where(
                _parked_rows.c.service == service,
                _parked_rows.c.parked == true(),
                _parked_rows.c.topic == outbox.c.topic,
                _parked_rows.c.key == outbox.c.key,
            ),
            ~_among(dialect, outbox.c.id, "without"),
        )
        .order_by(outbox.c.id)
        .limit(bindparam("most", type_=Integer()))
    )


def _among(dialect: str, column: Any, name: str) -> Any:
    """Whether a column has one of the values of a parameter, which `_listed` has made."""
    if dialect == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(column.type)))
    return column.in_(select(func.json_each(bindparam(name, type_=Text())).table_valued("value")))


def _rows(result: Any) -> list[Row]:
    return [Row(*row) for row in result]


def _parked(refusal: Refusal) -> dict[str, Any]:
    return {"row": refusal.row.id, "tried": refusal.attempts, "why": refusal.error}


_parked_rows = outbox.alias("parked_rows")
_PARK = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"))
    .values(parked=True, attempts=outbox.c.attempts + bindparam("tried"), error=bindparam("why"))
)

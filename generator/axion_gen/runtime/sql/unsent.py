"""The rows of the outbox that are not yet sent, as the relay sees them."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
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
    AsyncConnection,
    AsyncEngine,
)

from .tables import now_ms, outbox
from .turns import writing

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
        self._service = service
        self._now = now_ms(engine.dialect.name)
        # A stricter level, where the service has chosen one, would only make transactions fail.
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED")
            if engine.dialect.name == "postgresql"
            else engine
        )

    async def apply(self, exchange: Exchange) -> list[Row]:
        """Write, and return what is taken, all in one transaction."""
        connecting = writing(self._engine) if exchange.writes else self._engine.connect()
        without = _padded(exchange.without)
        rows: list[Row] = []
        async with connecting as connection:
            # Writing comes first: in SQLite what has read may no longer be able to write.
            if exchange.acknowledged:
                ids = _padded(exchange.acknowledged)
                await connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))
            if exchange.refused:
                await connection.execute(_PARK, [_parked(refusal) for refusal in exchange.refused])
            for topic in exchange.probes:
                query = self._next(1, without).where(outbox.c.topic == topic)
                rows += await _rows(connection, query)
            if exchange.limit > 0:
                query = self._next(exchange.limit, without)
                if exchange.without_topics:
                    query = query.where(outbox.c.topic.not_in(exchange.without_topics))
                rows += await _rows(connection, query)
        return rows

    def _next(self, limit: int, without: list[int]) -> Any:
        query = (
            select(outbox.c.id, outbox.c.topic, outbox.c.key, outbox.c.value, outbox.c.headers)
            .where(
                outbox.c.service == self._service,
                outbox.c.parked == false(),
                # What shares its key with a parked row waits behind it.
                ~exists().where(
                    _parked_rows.c.service == self._service,
                    _parked_rows.c.parked == true(),
                    _parked_rows.c.topic == outbox.c.topic,
                    _parked_rows.c.key == outbox.c.key,
                ),
            )
            .order_by(outbox.c.id)
            .limit(limit)
        )
        return query.where(outbox.c.id.not_in(without)) if without else query

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


async def _rows(connection: AsyncConnection, query: Any) -> list[Row]:
    return [Row(*row) for row in await connection.execute(query)]


def _padded(ids: Collection[int]) -> list[int]:
    """The ids, some more than once: of few lengths, for each is a statement to be prepared."""
    listed = list(ids)
    if not listed:
        return listed
    length = 1
    while length < len(listed):
        length *= 8
    return listed + listed[-1:] * (length - len(listed))


def _parked(refusal: Refusal) -> dict[str, Any]:
    return {"row": refusal.row.id, "tried": refusal.attempts, "why": refusal.error}


_parked_rows = outbox.alias("parked_rows")
_PARK = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"))
    .values(parked=True, attempts=outbox.c.attempts + bindparam("tried"), error=bindparam("why"))
)

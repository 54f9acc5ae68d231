"""Transactions that write, and do not stand in the way of each other for long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    Connection,
    Engine,
    func,
    select,
    true,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncConnection,
    AsyncEngine,
)
from sqlalchemy.util import (  # type: ignore[import-not-found,unused-ignore]
    greenlet_spawn,
)

ResultT = TypeVar("ResultT")

HANGS_MS = 5000
"""An instance that hangs in the midst of a transaction loses it, and its locks, after so long."""


async def in_transaction(
    engine: AsyncEngine, work: Callable[[Connection], ResultT], *, writes: bool = True
) -> ResultT:
    """Do all of a transaction's work, and commit it.

    In one greenlet, where an `AsyncConnection` needs one for each step, and a task to end.
    """
    async with turn_of(engine) if writes else nullcontext():
        result: ResultT = await greenlet_spawn(_in_transaction, engine.sync_engine, work)
    return result


def _in_transaction(engine: Engine, work: Callable[[Connection], ResultT]) -> ResultT:
    with engine.begin() as connection:
        return work(connection)


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A short transaction on rows that another instance may need as well."""
    async with turn_of(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(select(limit_hanging()))
        yield connection


def limit_hanging() -> Any:
    """An expression that gives PostgreSQL that limit, for the transaction at hand."""
    return func.set_config("idle_in_transaction_session_timeout", str(HANGS_MS), true())


def turn_of(engine: AsyncEngine) -> AbstractAsyncContextManager[Any]:
    """Taken for each transaction of the runtime's own that writes.

    With SQLite they stand in a queue, where by themselves they would try again and again.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext()
    return _turns.setdefault(engine, asyncio.Lock())


_turns: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()

"""Transactions that write, and do not stand in the way of each other for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncConnection,
    AsyncEngine,
)

HANGS_MS = 5000
"""An instance that hangs in the midst of a transaction loses it, and its locks, after so long."""


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A short transaction on rows that another instance may need as well."""
    async with turn_of(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.exec_driver_sql(
                f"SET LOCAL idle_in_transaction_session_timeout = {HANGS_MS}"
            )
        yield connection


def turn_of(engine: AsyncEngine) -> AbstractAsyncContextManager[Any]:
    """Taken for each transaction of the runtime's own that writes.

    With SQLite they stand in a queue, where by themselves they would try again and again.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext()
    return _turns.setdefault(engine, asyncio.Lock())


_turns: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()

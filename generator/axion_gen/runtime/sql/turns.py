"""Turns: SQLite has one writer."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)


def turn_of(engine: AsyncEngine) -> AbstractAsyncContextManager[Any]:
    """Taken for each transaction of the runtime's own that writes.

    With SQLite they stand in a queue, where by themselves they would try again and again.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext()
    return _turns.setdefault(engine, asyncio.Lock())


_turns: WeakKeyDictionary[AsyncEngine, asyncio.Lock] = WeakKeyDictionary()

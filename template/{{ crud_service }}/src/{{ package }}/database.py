"""The database: connections, transactions, tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from .bus.runtime import StartError
from .models import Base


class Database:
    """A database, SQLite by default. Every query runs in `reading` or in `transaction`."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = create_async_engine(url)
        except (ArgumentError, ImportError) as error:
            # Without the URL itself, which may hold a password.
            raise StartError(f"DATABASE_URL cannot be used: {error}") from None
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
        self._readers = async_sessionmaker(self._engine, expire_on_commit=False)
        self._writers = async_sessionmaker(
            self._engine.execution_options(writes=True), expire_on_commit=False
        )

    async def start(self) -> None:
        """Create the tables that are missing; `StartError` if the database cannot be reached."""
        try:
            async with self._engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
        except (SQLAlchemyError, OSError) as error:
            where = self._engine.url.render_as_string(hide_password=True)
            cause = getattr(error, "orig", None) or error
            raise StartError(f"DATABASE_URL={where} cannot be reached: {cause}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session to read in."""
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session to write in: committed at the end, rolled back if the body raises."""
        async with self._writers.begin() as session:
            yield session

    async def ping(self) -> None:
        """Raise what is wrong if the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: see `begin`
        connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
        connection.execute("PRAGMA busy_timeout = 5000")  # milliseconds
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: one that has read first could not wait for it.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

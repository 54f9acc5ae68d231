"""The database: SQLite for development, PostgreSQL in production, by its URL alone."""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, Self

from sqlalchemy import event, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from .bus.runtime import StartError

TIMEOUT_S: Final = {"sqlite": 30, "postgresql": 5}
"""For SQLite's lock, which one writer at a time has; to connect to PostgreSQL."""
CLOSE_S: Final = 5
"""How long closing the connections may take at the end: one that hangs keeps no service from it."""


class Database:
    """Its engine, and sessions to read in. Changes are made in transactions of the bus."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = create_async_engine(
                url,
                connect_args={"timeout": TIMEOUT_S[make_url(url).get_backend_name()]},
                pool_size=20,  # handlers (KAFKA_MAX_CONCURRENT_HANDLERS), requests, the bus itself
                hide_parameters=True,  # errors are logged; the rows of projects are not
            )
        except (SQLAlchemyError, ImportError, LookupError, TypeError, ValueError):
            # Without the URL and the error, which may quote a password.
            raise StartError(
                "DATABASE_URL cannot be used: it must look like sqlite+aiosqlite:///items.db or"
                " postgresql+asyncpg://user:password@host/name"
            ) from None
        if self.engine.dialect.name == "sqlite":
            _prepare_sqlite(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.engine.dispose()

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session to read in."""
        return self._sessions()

    async def ping(self) -> None:
        """See that the database answers.

        Raises:
            StartError: it does not.
        """
        try:
            async with self.reading() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise self.away(error) from None

    def away(self, error: Exception) -> StartError:
        """What to say when the database does not answer."""
        where = self.engine.url.render_as_string(hide_password=True)
        cause = getattr(error, "orig", None) or error
        return StartError(f"DATABASE_URL={where} cannot be reached: {cause}")


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
        connection.execute("PRAGMA foreign_keys = ON")

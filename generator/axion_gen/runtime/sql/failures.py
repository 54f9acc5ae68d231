"""Errors that say that the database is away, told from those that a statement deserves."""

from typing import Any, Final

from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    DBAPIError,
)
from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    TimeoutError as PoolTimeout,
)

AWAY_STATES: Final = (
    "08",  # connection exceptions
    "25006",  # a standby, which only reads
    "53",  # too many connections, disk full, out of memory
    "57P",  # shut down, starting up
    "58",  # the system under the server
)
"""Beginnings of PostgreSQL's SQLSTATE."""

AWAY_CODES: Final = frozenset(
    {
        5,  # SQLITE_BUSY: another writer keeps its lock
        7,  # SQLITE_NOMEM
        8,  # SQLITE_READONLY
        10,  # SQLITE_IOERR
        13,  # SQLITE_FULL
        14,  # SQLITE_CANTOPEN
    }
)
"""SQLite's primary result codes. A missing table is an OperationalError too, but none of these."""


def says_away(error: Any) -> bool:
    """Whether an error from SQLAlchemy says that the database cannot be used at present.

    The classes do not tell: a lost connection is an InterfaceError, or with asyncpg just a
    DBAPIError, and SQLite's OperationalError may be a misspelled column.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(says_away(part) for part in error.exceptions)
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in AWAY_CODES
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and state.startswith(AWAY_STATES)


def reason(error: BaseException) -> str:
    """What went wrong, without the statement and its parameters, which SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error)

"""Inbox and outbox in the service's own database, for SQLAlchemy's asyncio: an extra."""

from .outbox import Transaction, outbox_client
from .relay import Relay
from .store import SqlStore
from .tables import axion_metadata, create_tables
from .unsent import unpark

__all__ = [
    "Relay",
    "SqlStore",
    "Transaction",
    "axion_metadata",
    "create_tables",
    "outbox_client",
    "unpark",
]

"""Inbox and outbox in the service's own database, for SQLAlchemy's asyncio: an extra."""

from .store import SqlStore
from .tables import axion_metadata, create_tables

__all__ = ["SqlStore", "axion_metadata", "create_tables"]

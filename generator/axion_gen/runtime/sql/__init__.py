"""Inbox and outbox in the service's own database, for SQLAlchemy's asyncio: an extra."""

from .tables import axion_metadata, create_tables

__all__ = ["axion_metadata", "create_tables"]

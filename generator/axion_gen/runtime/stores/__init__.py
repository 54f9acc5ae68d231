"""Where it is kept which records are processed: in memory, in Redis, in a SQL database."""

from .base import Begun, OutboxStore, RelayNumbers, Store
from .memory import MemoryStore

__all__ = ["Begun", "MemoryStore", "OutboxStore", "RelayNumbers", "Store"]

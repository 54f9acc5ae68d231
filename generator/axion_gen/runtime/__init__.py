"""The messaging standard on aiokafka: what every service of the platform does on the bus.

Start reading at `bus.py`; `handling.py` says what a record goes through on its way to its
handler, `consumer.py` how records are taken and committed.
"""

from .bus import Bus
from .client import Client, Key, Outgoing, Transport
from .context import Context, Metadata, log_context
from .contract import Contract, Message, Topic
from .errors import (
    BusError,
    EmitError,
    InvalidMessageError,
    MetadataError,
    NotRunningError,
    PermanentError,
    StartError,
)
from .handlers import Handlers
from .settings import KafkaSettings

__all__ = [
    "Bus",
    "BusError",
    "Client",
    "Context",
    "Contract",
    "EmitError",
    "Handlers",
    "InvalidMessageError",
    "KafkaSettings",
    "Key",
    "Message",
    "Metadata",
    "MetadataError",
    "NotRunningError",
    "Outgoing",
    "PermanentError",
    "StartError",
    "Topic",
    "Transport",
    "log_context",
]

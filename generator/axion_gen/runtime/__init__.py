"""The messaging standard on aiokafka: what every service of the platform does on the bus.

Start reading at `bus.py`; `handling.py` says what a record goes through on its way to its
handler, `consumer.py` how records are taken and committed.
"""

from .addresses import Parameter, TopicAddress
from .bus import Bus
from .client import Client, Key, Outgoing, Transport
from .context import Context, Identity, Metadata, identity, log_context
from .contract import Contract, Message, Reply, Topic
from .errors import (
    BusError,
    DependencyUnavailable,
    EmitError,
    InvalidMessageError,
    InvalidReplyError,
    MetadataError,
    NotRunningError,
    PermanentError,
    ReplyTimeoutError,
    RequestError,
    StartError,
)
from .handlers import Handlers
from .health import Health
from .interceptors.dead_letter import DeadLettered
from .logs import ContextFilter, add_context
from .settings import KafkaSettings
from .stores import MemoryStore, Store

__all__ = [
    "Bus",
    "BusError",
    "Client",
    "Context",
    "ContextFilter",
    "Contract",
    "DeadLettered",
    "DependencyUnavailable",
    "EmitError",
    "Handlers",
    "Health",
    "Identity",
    "InvalidMessageError",
    "InvalidReplyError",
    "KafkaSettings",
    "Key",
    "MemoryStore",
    "Message",
    "Metadata",
    "MetadataError",
    "NotRunningError",
    "Outgoing",
    "Parameter",
    "PermanentError",
    "Reply",
    "ReplyTimeoutError",
    "RequestError",
    "StartError",
    "Store",
    "Topic",
    "TopicAddress",
    "Transport",
    "add_context",
    "identity",
    "log_context",
]

"""Doubles of Kafka for tests and first runs."""

from .broker import DISCONNECT, ApiKey, EmbeddedBroker
from .librdkafka import EmbeddedBrokerError
from .memory import Dead, Delivered, Emitted, Held, MemoryBus

__all__ = [
    "DISCONNECT",
    "ApiKey",
    "Dead",
    "Delivered",
    "EmbeddedBroker",
    "EmbeddedBrokerError",
    "Emitted",
    "Held",
    "MemoryBus",
]

"""Doubles of Kafka for tests and first runs."""

from .broker import DISCONNECT, ApiKey, EmbeddedBroker
from .librdkafka import EmbeddedBrokerError

__all__ = ["DISCONNECT", "ApiKey", "EmbeddedBroker", "EmbeddedBrokerError"]

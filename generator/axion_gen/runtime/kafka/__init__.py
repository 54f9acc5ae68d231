"""Kafka, as the rest of the runtime sees it: the only package that knows aiokafka.

aiokafka ships no types, so everything behind these names is untyped and stays here.
"""

from .commits import CommitError
from .connection import MAX_RECORD_BYTES, Partition, connection
from .consumer import (
    FETCH_WAIT_MS,
    POLL_INTERVAL_S,
    ConsumerBrokenError,
    KafkaConsumer,
    Moved,
)
from .producer import KafkaProducer
from .topics import require_topics

__all__ = [
    "FETCH_WAIT_MS",
    "MAX_RECORD_BYTES",
    "POLL_INTERVAL_S",
    "CommitError",
    "ConsumerBrokenError",
    "KafkaConsumer",
    "KafkaProducer",
    "Moved",
    "Partition",
    "connection",
    "require_topics",
]

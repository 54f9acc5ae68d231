"""Where records go while the bus runs: to their topics, and to that of dead letters."""

from collections.abc import Coroutine
from typing import Any

from .client import Outgoing
from .errors import NotRunningError
from .headers import RawHeaders
from .kafka import KafkaProducer
from .statistics import Statistics


class KafkaTransport:
    """Emits to Kafka while the bus runs."""

    def __init__(self, statistics: Statistics) -> None:
        self.producer: KafkaProducer | None = None
        self._statistics = statistics
        self._prefix = ""

    def open(self, producer: KafkaProducer, prefix: str) -> None:
        """Send by a producer from now on, to topics with a prefix."""
        self.producer = producer
        self._prefix = prefix

    def close(self) -> None:
        """Send nothing more."""
        self.producer = None

    def topic_name(self, address: str) -> str:
        """What Kafka calls the topic of a channel."""
        return self._prefix + address

    def send(self, outgoing: Outgoing) -> Coroutine[Any, Any, None]:
        """Send a message; see `write`."""
        headers = outgoing.headers.encode()
        return self.write(outgoing.topic, outgoing.key, outgoing.value, headers)

    async def write(
        self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders
    ) -> None:
        """Return once the record is acknowledged.

        Raises:
            NotRunningError: the bus does not run.
            EmitError: it is not acknowledged.
        """
        if self.producer is None:
            raise NotRunningError("the bus is not running: emit within `async with bus.run(...)`")
        try:
            await self.producer.send(self._prefix + topic, key, value, headers)
        except BaseException:
            self._statistics.failed_emits += 1
            raise
        self._statistics.emitted += 1


class DeadLetterTopic:
    """Where the service's dead letters go."""

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """Return once the letter is acknowledged; raise `EmitError` if it is not."""
        await self._producer.send(self._topic, key, value, headers)

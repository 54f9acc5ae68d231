"""The bus: a service's client, consumer and dead letters, started and stopped together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, Self, TypeVar

from .client import Client, Outgoing, Transport
from .consumer import Consumer
from .contract import SERVICE_NAME, Contract, dead_letter_topic
from .errors import NotRunningError, StartError
from .handlers import Handlers
from .handling import call, pipeline
from .interceptors.dead_letter import ADDED_BYTES, DeadLetter
from .interceptors.idempotency import Idempotency, MemoryStore
from .interceptors.retry import Retry
from .interceptors.slots import Slots
from .kafka import KafkaConsumer, KafkaProducer, require_topics
from .settings import KafkaSettings

logger = logging.getLogger(__name__)

ClientT = TypeVar("ClientT", bound=Client)
HandlersT = TypeVar("HandlersT", bound=Handlers)


class Bus(Generic[ClientT, HandlersT]):
    """A service on Kafka. The generated `Bus` binds it to the contract's types.

    `client` emits while the bus runs; before and after, emitting raises `NotRunningError`.
    """

    def __init__(
        self,
        service: str,
        contract: Contract,
        client: Callable[[Contract, Transport], ClientT],
        settings: KafkaSettings | None = None,
    ) -> None:
        if not SERVICE_NAME.fullmatch(service):
            raise StartError(
                f"{service!r} is no name for a service: a lower-case letter, then lower-case"
                " letters, digits and hyphens, 63 characters at most"
            )
        self.service = service
        self._contract = contract
        self._settings = settings
        self._transport = _KafkaTransport()
        self._consumer: Consumer | None = None
        self.client: ClientT = client(contract, self._transport)

    @property
    def ready(self) -> bool:
        """Whether the group is joined; a member without partitions is ready too."""
        return self._transport.producer is not None and (
            self._consumer is None or self._consumer.joined
        )

    @asynccontextmanager
    async def run(self, handlers: HandlersT | None = None) -> AsyncIterator[Self]:
        """Start; on leaving take nothing new, finish what runs, flush, commit, leave the group.

        Raises:
            StartError: the settings are wrong, no broker answers, topics or handlers are missing.
        """
        settings = self._settings or KafkaSettings.load()
        prefix = settings.topic_prefix
        client_id = settings.client_id or self.service
        received = {prefix + topic.address: topic for topic in self._contract.received}
        handle = call(self._contract, handlers, self.client)
        letters_to = prefix + dead_letter_topic(self.service)
        needed = {prefix + topic.address for topic in self._contract.topics if topic.messages}
        await require_topics(settings, client_id, needed | {letters_to} if received else needed)
        async with AsyncExitStack() as stack:
            producer = KafkaProducer(settings, client_id)
            await producer.start()
            stack.push_async_callback(producer.stop)
            self._transport.open(producer, prefix)
            stack.callback(self._transport.close)
            if received:
                # Its own, with room for the added headers: a letter must fit if its record did.
                letters = KafkaProducer(settings, client_id, extra_bytes=ADDED_BYTES)
                await letters.start()
                stack.push_async_callback(letters.stop)
                group = settings.group_id or f"{prefix}{self.service}-group"
                consumer = Consumer(KafkaConsumer(settings, client_id, group), received, settings)
                self._consumer = consumer
                stack.push_async_callback(consumer.stop)
                await consumer.start(
                    pipeline(
                        Idempotency(MemoryStore(settings.idempotency_size)),
                        DeadLetter(
                            _DeadLetterTopic(letters, letters_to),
                            self.service,
                            group,
                            consumer.pause,
                        ),
                        Retry(
                            settings.retry_attempts,
                            settings.retry_backoff_ms / 1000,
                            consumer.pause,
                        ),
                        Slots(
                            asyncio.Semaphore(settings.max_concurrent_handlers),
                            settings.handler_timeout_s,
                        ),
                        handle,
                    )
                )
            logger.info(
                "the bus of %s runs on %s, reading %s",
                self.service,
                settings.bootstrap_servers,
                ", ".join(received) or "nothing",
            )
            yield self


class _KafkaTransport:
    """Emits to Kafka while the bus runs."""

    def __init__(self) -> None:
        self.producer: KafkaProducer | None = None
        self._prefix = ""

    def open(self, producer: KafkaProducer, prefix: str) -> None:
        self.producer = producer
        self._prefix = prefix

    def close(self) -> None:
        self.producer = None

    async def send(self, outgoing: Outgoing) -> None:
        if self.producer is None:
            raise NotRunningError("the bus is not running: emit within `async with bus.run(...)`")
        await self.producer.send(
            self._prefix + outgoing.topic, outgoing.key, outgoing.value, outgoing.headers.encode()
        )


class _DeadLetterTopic:
    """Where the service's dead letters go."""

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(
        self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        await self._producer.send(self._topic, key, value, headers)

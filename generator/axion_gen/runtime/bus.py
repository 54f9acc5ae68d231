"""The bus: a service's client, consumer and dead letters, started and stopped together."""

import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Generic, Literal, Self, TypeVar

from .addresses import Topics
from .client import Client, Transport
from .consumer import Consumer
from .contract import SERVICE_NAME, Contract, dead_letter_topic, replay_topic
from .errors import StartError
from .handlers import Handlers
from .handling import call, pipeline
from .health import Health, examine
from .interceptors.dead_letter import ADDED_BYTES, DeadLetter
from .interceptors.idempotency import Idempotency
from .interceptors.outage import Held, Outage
from .interceptors.retry import Retry
from .interceptors.slots import Places, Slots
from .kafka import KafkaConsumer, KafkaProducer, require_topics
from .open_letters import OpenLetters
from .requests import Requests
from .settings import KafkaSettings
from .statistics import Statistics
from .stores import MemoryStore, OutboxStore, RelayNumbers, Store
from .threads import Threads
from .transport import DeadLetterTopic, KafkaTransport

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
        AsyncSession,
    )

    from .sql.outbox import Transaction
    from .tracing import Tracing

logger = logging.getLogger(__name__)

ClientT = TypeVar("ClientT", bound=Client)
HandlersT = TypeVar("HandlersT", bound=Handlers)

State = Literal["stopped", "running", "stopping"]


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
        store: Store | None = None,
        outages: tuple[type[Exception], ...] = (),
        tracing: "Tracing | None" = None,
    ) -> None:
        if not SERVICE_NAME.fullmatch(service):
            raise StartError(
                f"{service!r} is no name for a service: a lower-case letter, then lower-case"
                " letters, digits and hyphens, 63 characters at most"
            )
        self.service = service
        self.statistics = Statistics()
        """What became of the records so far."""
        self.held = Held()
        """The messages that wait for the end of an outage."""
        self.open_letters: OpenLetters | None = None
        """How many dead letters wait for somebody; none while nothing is received."""
        self.state: State = "stopped"
        """It is stopped until the start has succeeded."""
        self.consumer: Consumer | None = None
        """What takes and handles records; none while nothing is received."""
        if contract.has_schema_ids:
            from .codecs.registry import HttpRegistry

            contract = contract.with_registry(HttpRegistry(self._loaded))
        self.contract = contract
        """What the service says and hears."""
        self._settings = settings
        self._store = store
        self._outages = outages
        self._tracing = tracing
        self._new_client = client
        self._transport = KafkaTransport(self.statistics)
        traced = self._traced(self._transport, "send")
        self.client: ClientT = client(contract, traced)
        self._requests = Requests(service, contract, traced)
        self.client._requester = self._requests  # noqa: SLF001 - a part of the runtime

    @property
    def ready(self) -> bool:
        """Whether the group is joined; a member without partitions is ready too."""
        return self.health.ready

    @property
    def health(self) -> Health:
        """What the probes of the service answer."""
        return examine(self)

    def transaction(self) -> AbstractAsyncContextManager["Transaction[ClientT]"]:
        """A database transaction outside any handler, whose client emits into the outbox.

            async with bus.transaction() as transaction:
                transaction.session.add(...)
                await transaction.client.emit(...)

        What is emitted is sent once the transaction has committed, Kafka being away or not.

        Raises:
            LookupError: the bus has no store with transactions.
        """
        return self._outbox_store.transaction(self.service, self._client_on)

    def outbox(self, session: "AsyncSession") -> ClientT:
        """A client that emits within the transaction of a session that the caller has already.

        Raises:
            LookupError: the bus has no store with transactions.
        """
        return self._outbox_store.outbox(session, self.service, self._client_on)

    @property
    def _outbox_store(self) -> OutboxStore:
        if not isinstance(self._store, OutboxStore):
            raise LookupError("no transactions: the bus has no SQL store (Bus(store=...))")
        return self._store

    @property
    def relay(self) -> RelayNumbers | None:
        """What sends the outbox, and its numbers; none without one, or before the bus runs."""
        return self._store.relay if isinstance(self._store, OutboxStore) else None

    def _client_on(self, transport: Transport) -> ClientT:
        return self._new_client(self.contract, self._traced(transport, "create"))

    def _traced(self, transport: Transport, operation: str) -> Transport:
        if self._tracing is None:
            return transport
        return self._tracing.emitting(transport, operation, self._transport.topic_name)

    @asynccontextmanager
    async def run(self, handlers: HandlersT | None = None) -> AsyncIterator[Self]:
        """Start; on leaving take nothing new, finish what runs, flush, commit, leave the group.

        Raises:
            StartError: the settings are wrong, no broker answers, topics or handlers are missing.
        """
        settings = self._loaded()
        if self.contract.has_schema_ids and settings.schema_registry_url is None:
            raise StartError(
                "KAFKA_SCHEMA_REGISTRY_URL is missing: payloads carry the ids of their schemas"
            )
        prefix = settings.topic_prefix
        client_id = settings.client_id or self.contract.client_id or self.service
        received = Topics(self.contract.received, prefix, self.contract.topics)
        async with AsyncExitStack() as stack:
            threads = Threads(settings.max_concurrent_handlers, "kafka handler")
            stack.callback(threads.shutdown)
            stack.callback(self._stopped)
            handle = call(self.contract, handlers, self.client, threads, prefix)
            letters_to = prefix + dead_letter_topic(self.service)
            replay = prefix + replay_topic(self.service)
            named = (topic for topic in self.contract.topics if topic.messages)
            needed = set(Topics((*named, *self._requests.topics), prefix))
            own = {letters_to, replay} if self.contract.received else set()
            kept_s = await require_topics(
                settings,
                client_id,
                needed | own,
                received=received,
                dead_letters=letters_to if self.contract.received else None,
                replay=replay if self.contract.received else None,
            )
            producer = KafkaProducer(settings, client_id)
            await producer.start()
            stack.push_async_callback(producer.stop)
            self._transport.open(producer, prefix)
            stack.callback(self._transport.close)
            stack.push_async_callback(self._requests.stop)
            await self._requests.start(settings, client_id)
            if isinstance(self._store, OutboxStore):
                await self._store.start_relay(self.service, self._transport.write)
                stack.push_async_callback(self._store.stop_relay)
            if self.contract.received and handlers is not None:
                # Its own, with room for the added headers: a letter must fit if its record did.
                letters = KafkaProducer(settings, client_id, extra_bytes=ADDED_BYTES)
                await letters.start()
                stack.push_async_callback(letters.stop)
                group = settings.group_id or prefix + (
                    self.contract.group_id or f"{self.service}-group"
                )
                store = self._store or MemoryStore(settings.idempotency_size)
                _compare_retention(store, kept_s)
                await store.start(self.service, group, self._client_on)
                stack.push_async_callback(store.stop)
                self.open_letters = OpenLetters(settings, client_id, letters_to)
                await stack.enter_async_context(self.open_letters)
                consumer = Consumer(
                    lambda moved: KafkaConsumer(settings, client_id, group, moved),
                    received,
                    settings,
                    self.statistics,
                    self.held,
                    replay,
                )
                self.consumer = consumer
                stack.push_async_callback(consumer.stop)
                await consumer.start(
                    pipeline(
                        Idempotency(store, consumer.pause),
                        DeadLetter(
                            DeadLetterTopic(letters, letters_to),
                            self.service,
                            group,
                            consumer.pause,
                            handlers.dead_lettered,
                        ),
                        Outage(
                            self.held,
                            (*store.outages, *self._outages),
                            consumer.pause,
                            consumer.changed,
                        )
                        if settings.hold_on_outage
                        else None,
                        Retry(
                            settings.retry_attempts,
                            settings.retry_backoff_ms / 1000,
                            consumer.pause,
                        ),
                        Slots(Places(settings.max_concurrent_handlers), settings.handler_timeout_s),
                        store.transact,
                        handle,
                        None if self._tracing is None else self._tracing.receiving(group),
                    )
                )
            logger.info(
                "the bus of %s runs on %s, reading %s",
                self.service,
                settings.bootstrap_servers,
                received.described or "nothing",
            )
            self.state = "running"
            try:
                yield self
            finally:
                self.state = "stopping"
                logger.info("the bus of %s stops: it takes nothing new", self.service)

    def _loaded(self) -> KafkaSettings:
        return self._settings or KafkaSettings.load()

    def _stopped(self) -> None:
        if self.state == "stopping":
            logger.info("the bus of %s has stopped", self.service)
        self.state = "stopped"


def _compare_retention(store: Store, kept_s: float | None) -> None:
    """A mark that is forgotten before its record lets the record be handled again."""
    if store.retention_s is not None and kept_s is not None and store.retention_s < kept_s:
        kept = "for ever" if kept_s == math.inf else f"for {kept_s / 86400:.1f} days"
        logger.warning(
            "marks are kept for %.1f days, but a topic keeps its records %s:"
            " what is read again from far back is handled again",
            store.retention_s / 86400,
            kept,
        )

"""The bus in memory: for the tests of handlers, without a broker.

What is delivered goes the whole way that a record from Kafka goes: headers, validation,
retries, dead letters, idempotency. Only the transport and the pauses are left out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from ..addresses import TopicAddress, Topics
from ..asking import Asking, completed
from ..client import Client, Outgoing, Transport
from ..codecs.registry import MemoryRegistry
from ..context import Metadata
from ..contract import Contract, Topic, dead_letter_topic, replay_topic
from ..dead_letters import Letter, Origin, origin, read, replayed
from ..delivery import Delivery, Handle
from ..errors import DependencyUnavailable, InvalidMessageError, is_any
from ..handlers import Handlers
from ..handling import call, pipeline
from ..headers import RawHeaders, message_id_of
from ..interceptors.dead_letter import DeadLetter, DeadLettered
from ..interceptors.idempotency import Idempotency
from ..interceptors.retry import Retry
from ..interceptors.slots import Places, Slots
from ..statistics import TopicStatistics
from ..stores import MemoryStore, Store
from .requests import REPLIES_TO, MemoryRequests

logger = logging.getLogger(__name__)

ClientT = TypeVar("ClientT", bound=Client)

SERVICE: Final = "test"
GROUP: Final = "test-group"
SOMEBODY = Metadata(user_id="test-user", project_id="test-project")
"""Who a delivered message comes from, unless its metadata says otherwise."""


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A record as Kafka would have delivered it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was delivered; `MemoryBus.redeliver` delivers it again."""

    record: MemoryRecord
    reply: BaseModel | None = None
    """What its handler returned as its reply, which is emitted too."""

    @property
    def message_id(self) -> str:
        """The message's id, as its handler sees it."""
        return message_id_of(self.record)


@dataclass(frozen=True, slots=True)
class Emitted:
    """A message that was emitted."""

    topic: str
    message: BaseModel
    key: bytes | None
    value: bytes | None
    message_type: str
    message_id: str
    correlation_id: str
    causation_id: str
    user_id: str | None
    project_id: str | None
    headers: tuple[tuple[str, bytes], ...]
    """All of them, as the record has them."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter: the record's own bytes, and why it is here."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def reason(self) -> str:
        """The error's type and message."""
        said = {name: (value or b"").decode(errors="replace") for name, value in self.headers}
        return f"{said['x-dlq-error-type']}: {said['x-dlq-error-message']}"


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits for the end of an outage: `MemoryBus.redeliver` tries it again."""

    delivered: Delivered
    error: Exception
    """What says that something is away."""


class MemoryBus(Generic[ClientT]):
    """Delivers to handlers, records what they emit, and what ends as a dead letter.

    With a store that has transactions, of a SQL database, handlers have `context.session`,
    and what an attempt emits is recorded once its transaction has committed.
    """

    def __init__(
        self,
        handlers: Handlers,
        contract: Contract,
        client: Callable[[Contract, Transport], ClientT],
        store: Store | None = None,
        outages: tuple[type[Exception], ...] = (),
    ) -> None:
        self.emitted: list[Emitted] = []
        """What was emitted, in order; without a SQL store also by attempts that failed."""
        self.dead: list[Dead] = []
        """The dead letters, in order."""
        self.held: list[Held] = []
        """What was not handled since a dependency was away, in order."""
        self.registry = MemoryRegistry()
        """Has the schemas whose ids payloads carry: `add` those of others."""
        contract = contract.with_registry(self.registry)
        self.client: ClientT = client(contract, self)
        """Emits into `emitted`; what the service's own topics receive is not delivered."""
        self._requests = MemoryRequests(contract, self)
        self.client._requester = self._requests  # noqa: SLF001 - a part of the runtime
        self._contract = contract
        self._topics = Topics(contract.topics)
        self._new_client = client
        self._handlers = handlers
        self._store = store or MemoryStore()
        self._started = False
        self._refusals: deque[Exception] = deque()
        self._uncommitted: list[Emitted] = []
        self._handle = pipeline(
            Idempotency(self._store, _no_pause),
            DeadLetter(self, SERVICE, GROUP, _no_pause, self._dead_lettered),
            _Hold((DependencyUnavailable, *self._store.outages, *outages)),
            Retry(attempts=3, backoff_s=0, pause=_no_pause),
            Slots(Places(1), timeout_s=0),
            self._transact,
            call(contract, handlers, self.client, ThreadPoolExecutor(1)),
        )
        self._offset = 0

    def fail_emits(self, *errors: Exception) -> None:
        """Let the next emits raise these errors, one each, as Kafka's refusals would."""
        self._refusals.extend(errors)

    def reply_with(self, *replies: BaseModel | Exception) -> None:
        """Let the next requests get these replies, one each, or raise these errors."""
        self._requests.replies.extend(replies)

    async def send(self, outgoing: Outgoing) -> None:
        """Record an emitted message: this bus is its client's transport."""
        self.emitted.append(self._emitted(outgoing))

    def _emitted(self, outgoing: Outgoing) -> Emitted:
        if self._refusals:
            raise self._refusals.popleft()
        headers = outgoing.headers
        return Emitted(
            topic=outgoing.topic,
            message=outgoing.message,
            key=outgoing.key,
            value=outgoing.value,
            message_type=headers.message_type or "",
            message_id=headers.message_id,
            correlation_id=headers.correlation_id,
            causation_id=headers.causation_id,
            user_id=headers.user_id,
            project_id=headers.project_id,
            headers=tuple(headers.encode()),
        )

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """Record a dead letter: this bus is its own dead letter topic."""
        self.dead.append(Dead(key, value, tuple(headers)))

    async def _dead_lettered(self, letter: DeadLettered) -> None:
        if not isinstance(letter.error, InvalidMessageError):
            # Shown with the test that fails, it says where the handler did.
            logger.error("why it is a dead letter", exc_info=letter.error)
        await self._handlers.dead_lettered(letter)

    async def deliver(
        self,
        message: BaseModel,
        *,
        topic: str | TopicAddress | None = None,
        key: Any = None,
        metadata: Metadata | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Delivered:
        """Hand a message to its handler, and return when it has come to its end.

        Args:
            message: what arrives; the topic follows from its type.
            topic: the topic's address, needed where several topics carry the type, or where it
                has parameters.
            key: the record's key, if not the contract's.
            metadata: headers that matter to the test; user and project have values already.
            headers: more headers of the record; what we would write ourselves gives way to them.

        Raises:
            LookupError: no topic that this service reads carries the message, or several do.
        """
        sent = _Capture()
        address = topic or self._topic_of(message)
        merged = metadata or SOMEBODY
        merged = replace(
            merged,
            user_id=merged.user_id or SOMEBODY.user_id,
            project_id=merged.project_id or SOMEBODY.project_id,
        )
        client = Client(self._contract, sent)
        _, declared = client._found(address, message)  # noqa: SLF001 - typed by the generated client only
        if declared.reply is not None:
            message = completed(message, declared, REPLIES_TO)
            client = Client(self._contract, Asking(sent, declared, REPLIES_TO))
        await client._emit(address, message, key, merged)  # noqa: SLF001
        (outgoing,) = sent.sent
        more = {name: value.encode() for name, value in (headers or {}).items()}
        raw = tuple({**dict(outgoing.headers.encode()), **more}.items())
        return await self.deliver_raw(outgoing.topic, outgoing.key, outgoing.value, raw)

    async def deliver_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> Delivered:
        """Deliver any bytes, as a producer that knows no contract would write them."""
        record = MemoryRecord(topic, 0, self._offset, 0, key, value, headers)
        self._offset += 1
        return await self._deliver(record)

    async def redeliver(self, delivered: Delivered) -> Delivered:
        """Deliver the same record again, as Kafka does after a crash."""
        return await self._deliver(delivered.record)

    async def replay(self, dead: Dead) -> Delivered:
        """Deliver a dead letter again, as `axion dead-letters replay` does."""
        topic = dead_letter_topic(SERVICE)
        letter = read(MemoryRecord(topic, 0, 0, 0, dead.key, dead.value, dead.headers))
        if not isinstance(letter, Letter):
            raise TypeError("it is an answer to a letter, not a letter")
        headers = tuple(replayed(letter))
        return await self.deliver_raw(replay_topic(SERVICE), dead.key, dead.value, headers)

    async def _deliver(self, record: MemoryRecord) -> Delivered:
        if not self._started:
            await self._store.start(SERVICE, GROUP, self._client_on)
            self._started = True
        came_from = origin(record) if record.topic == replay_topic(SERVICE) else None
        delivery = Delivery(record, self._topic_for(record, came_from), TopicStatistics())
        delivery.origin = came_from
        try:
            # In a task of its own, as from Kafka: its context is not that of the test.
            await asyncio.create_task(self._handled(delivery))
        except _HeldError as held:
            await self._store.abandon(delivery)
            self.held.append(Held(Delivered(record), held.error))
        handled = delivery.outcome == "handled"
        return Delivered(record, delivery.reply if handled else None)

    def _topic_for(self, record: MemoryRecord, came_from: Origin | None) -> Topic:
        if record.topic != replay_topic(SERVICE):
            return self._topics.get(record.topic) or self._contract.topic(record.topic)
        received = Topics(self._contract.received, others=self._contract.topics)
        nobodys = Topic(record.topic, messages=(), unknown="dead-letter")
        return nobodys if came_from is None else received.get(came_from.topic, nobodys)

    async def _handled(self, delivery: Delivery) -> None:
        rest = self._handle(delivery)
        if rest is not None:
            await rest

    def _transact(self, following: Handle) -> Handle:
        attempt = self._store.transact(following)

        async def recorded(delivery: Delivery) -> None:
            self._uncommitted = []
            await attempt(delivery)
            self.emitted += self._uncommitted

        return recorded

    def _client_on(self, transport: Transport) -> ClientT:
        return self._new_client(self._contract, _Recorded(self, transport))

    def _topic_of(self, message: BaseModel) -> str:
        carrying = [
            topic
            for topic in self._contract.received
            for declared in topic.received
            if declared.model is type(message)
        ]
        if len(carrying) != 1:
            addresses = " and ".join(topic.address for topic in carrying)
            where = f"{addresses} do: say topic=..." if carrying else "none does"
            raise LookupError(f"one received topic must carry {type(message).__name__}; {where}")
        if carrying[0].parameters:
            raise LookupError(f"{carrying[0].address} has parameters: say topic=... with values")
        return carrying[0].address


class _HeldError(BaseException):
    """Ends a delivery without an end: a `BaseException`, for errors become dead letters."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Hold:
    """Stands where the bus on Kafka would wait for the end of an outage."""

    errors: tuple[type[Exception], ...]

    def wrap(self, following: Handle) -> Handle:
        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except Exception as error:  # told apart here
                if not is_any(error, self.errors):
                    raise
                raise _HeldError(error) from error

        return handle


class _Recorded:
    """The outbox of one attempt, and what it holds if the attempt succeeds."""

    def __init__(self, bus: MemoryBus[Any], outbox: Transport) -> None:
        self._bus = bus
        self._outbox = outbox

    async def send(self, outgoing: Outgoing) -> None:
        emitted = self._bus._emitted(outgoing)  # noqa: SLF001 - a part of it
        await self._outbox.send(outgoing)
        self._bus._uncommitted.append(emitted)  # noqa: SLF001


@dataclass(slots=True)
class _Capture:
    """A transport that keeps what it is given."""

    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> None:
        self.sent.append(outgoing)


async def _no_pause(_seconds: float) -> None:
    """Retries come at once."""

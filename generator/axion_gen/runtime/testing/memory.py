"""The bus in memory: for the tests of handlers, without a broker.

What is delivered goes the whole way that a record from Kafka goes: headers, validation,
retries, dead letters, idempotency. Only the transport and the pauses are left out.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pydantic import BaseModel

from ..client import Client, Key, Outgoing, Transport
from ..context import Metadata
from ..contract import Contract
from ..delivery import Delivery
from ..handlers import Handlers
from ..handling import call, pipeline
from ..headers import RawHeaders, message_id_of
from ..interceptors.dead_letter import DeadLetter
from ..interceptors.idempotency import Idempotency
from ..interceptors.retry import Retry
from ..interceptors.slots import Places, Slots
from ..statistics import TopicStatistics
from ..stores import MemoryStore

ClientT = TypeVar("ClientT", bound=Client)

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
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was delivered; `MemoryBus.redeliver` delivers it again."""

    record: MemoryRecord

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
    value: bytes
    message_type: str
    message_id: str
    correlation_id: str
    causation_id: str
    user_id: str | None
    project_id: str | None


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


class MemoryBus(Generic[ClientT]):
    """Delivers to handlers, records what they emit, and what ends as a dead letter."""

    def __init__(
        self,
        handlers: Handlers,
        contract: Contract,
        client: Callable[[Contract, Transport], ClientT],
    ) -> None:
        self.emitted: list[Emitted] = []
        """What was emitted, in order; also by attempts that failed afterwards."""
        self.dead: list[Dead] = []
        """The dead letters, in order."""
        self.client: ClientT = client(contract, self)
        """Emits into `emitted`; what the service's own topics receive is not delivered."""
        self._contract = contract
        store = MemoryStore()
        self._handle = pipeline(
            Idempotency(store, _no_pause),
            DeadLetter(self, "test", "test-group", _no_pause, handlers.dead_lettered),
            None,  # an outage would be held until somebody ended it
            Retry(attempts=3, backoff_s=0, pause=_no_pause),
            Slots(Places(1), timeout_s=0),
            store,
            call(contract, handlers, self.client, ThreadPoolExecutor(1)),
        )
        self._offset = 0

    async def send(self, outgoing: Outgoing) -> None:
        """Record an emitted message: this bus is its client's transport."""
        headers = outgoing.headers
        self.emitted.append(
            Emitted(
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
            )
        )

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """Record a dead letter: this bus is its own dead letter topic."""
        self.dead.append(Dead(key, value, tuple(headers)))

    async def deliver(
        self,
        message: BaseModel,
        *,
        topic: str | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
    ) -> Delivered:
        """Hand a message to its handler, and return when it has come to its end.

        Args:
            message: what arrives; the topic follows from its type.
            topic: the topic's address, needed where several topics carry the type.
            key: the record's key, if not the contract's.
            metadata: headers that matter to the test; user and project have values already.

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
        await Client(self._contract, sent)._emit(address, message, key, merged)  # noqa: SLF001 - typed by the generated client only
        (outgoing,) = sent.sent
        return await self.deliver_raw(
            address, outgoing.key, outgoing.value, tuple(outgoing.headers.encode())
        )

    async def deliver_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Delivered:
        """Deliver any bytes, as a producer that knows no contract would write them."""
        record = MemoryRecord(topic, 0, self._offset, 0, key, value, headers)
        self._offset += 1
        return await self._deliver(record)

    async def redeliver(self, delivered: Delivered) -> Delivered:
        """Deliver the same record again, as Kafka does after a crash."""
        return await self._deliver(delivered.record)

    async def _deliver(self, record: MemoryRecord) -> Delivered:
        delivery = Delivery(record, self._contract.topic(record.topic), TopicStatistics())
        await self._handle(delivery)
        return Delivered(record)

    def _topic_of(self, message: BaseModel) -> str:
        carrying = [
            topic.address
            for topic in self._contract.received
            for declared in topic.received
            if declared.model is type(message)
        ]
        if len(carrying) != 1:
            where = f"{' and '.join(carrying)} do: say topic=..." if carrying else "none does"
            raise LookupError(f"one received topic must carry {type(message).__name__}; {where}")
        return carrying[0]


@dataclass(slots=True)
class _Capture:
    """A transport that keeps what it is given."""

    sent: list[Outgoing] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> None:
        self.sent.append(outgoing)


async def _no_pause(_seconds: float) -> None:
    """Retries come at once."""

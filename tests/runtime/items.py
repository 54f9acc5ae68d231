"""A small contract, written by hand as axion-gen would write it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from axion_gen import runtime
from axion_gen.runtime import Contract, KafkaSettings, Message, Metadata, Topic, testing
from axion_gen.runtime.tracing import Tracing


class ItemCreate(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: UUID
    name: str
    note: str | None = None


class ItemDelete(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: UUID
    reason: str


class ItemCreated(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: UUID
    name: str


class Reading(BaseModel):
    model_config = ConfigDict(frozen=True)
    value: float


COMMANDS = Topic(
    "item.commands",
    partitions=3,
    unknown="dead-letter",
    messages=(
        Message("item.create", ItemCreate, key=lambda m: m.id, handler="on_item_create"),
        Message("item.delete", ItemDelete, key=lambda m: m.id, handler="on_item_delete"),
    ),
)
EVENTS = Topic("item.events", messages=(Message("item.created", ItemCreated, key=lambda m: m.id),))
READINGS = Topic(
    "readings",
    foreign_producers=True,
    messages=(
        Message("reading", Reading, handler="on_reading"),
        Message("calibrated", ItemCreated),
    ),
)
CONTRACT = Contract("Items", "1.0.0", (COMMANDS, EVENTS, READINGS))
TOPICS = {topic.address: topic.partitions for topic in CONTRACT.topics}

SOMEBODY = Metadata(user_id="ada", project_id="looms")


class Client(runtime.Client):
    async def emit(
        self,
        topic: str,
        message: BaseModel,
        *,
        key: runtime.Key | None = None,
        metadata: Metadata | None = None,
    ) -> str:
        return await self._emit(topic, message, key, metadata)


Context = runtime.Context[Client, str]
ForeignContext = runtime.Context[Client, str | None]


class Handlers(runtime.Handlers, ABC):
    @abstractmethod
    def on_item_create(self, message: ItemCreate, context: Context) -> Awaitable[None] | None: ...

    @abstractmethod
    def on_item_delete(self, message: ItemDelete, context: Context) -> Awaitable[None] | None: ...

    @abstractmethod
    def on_reading(self, message: Reading, context: ForeignContext) -> Awaitable[None] | None: ...


class Quiet(Handlers):
    """Does nothing; tests override what they are about."""

    async def on_item_create(self, message: ItemCreate, context: Context) -> None: ...

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None: ...

    async def on_reading(self, message: Reading, context: ForeignContext) -> None: ...


class Bus(runtime.Bus[Client, Handlers]):
    def __init__(
        self,
        service: str,
        settings: KafkaSettings | None = None,
        *,
        store: runtime.Store | None = None,
        outages: tuple[type[Exception], ...] = (),
        tracing: Tracing | None = None,
    ) -> None:
        super().__init__(service, CONTRACT, Client, settings, store, outages, tracing)


class MemoryBus(testing.MemoryBus[Client]):
    def __init__(
        self,
        handlers: Handlers,
        *,
        store: runtime.Store | None = None,
        outages: tuple[type[Exception], ...] = (),
    ) -> None:
        super().__init__(handlers, CONTRACT, Client, store, outages)

"""A contract as axion-gen would write it: orders, with six properties and a nested model."""

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from axion_gen import runtime
from axion_gen.runtime import Contract, KafkaSettings, Message, Metadata, Topic
from axion_gen.runtime.stores import Store

SERVICE = "orders"
PARTITIONS = 12


class Priority(StrEnum):
    """How soon an order leaves."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Money(BaseModel):
    """An amount in a currency's smallest unit."""

    model_config = ConfigDict(frozen=True)
    currency: str
    amount: int


class OrderPlace(BaseModel):
    """The message that all measures send."""

    model_config = ConfigDict(frozen=True)
    id: UUID
    customer: str
    quantity: int
    priority: Priority
    placed_at: datetime
    price: Money


ORDERS = Topic(
    "order.commands",
    partitions=PARTITIONS,
    messages=(Message("order.place", OrderPlace, key=lambda m: m.id, handler="on_order_place"),),
)
PLACED = Topic(
    "order.events",
    partitions=PARTITIONS,
    messages=(Message("order.placed", OrderPlace, key=lambda m: m.id),),
)
CONTRACT = Contract("Orders", "1.0.0", (ORDERS, PLACED))


class Client(runtime.Client):
    """Emits orders."""

    async def emit(
        self,
        topic: str,
        message: BaseModel,
        *,
        key: runtime.Key | None = None,
        metadata: Metadata | None = None,
    ) -> str:
        """Send a message; its id comes back when Kafka has it."""
        return await self._emit(topic, message, key, metadata)


Context = runtime.Context[Client, str]


class Handlers(runtime.Handlers, ABC):
    """What a service of this contract handles."""

    @abstractmethod
    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Handle one order."""


class Bus(runtime.Bus[Client, Handlers]):
    """The service on Kafka."""

    def __init__(self, settings: KafkaSettings, store: Store | None = None) -> None:
        super().__init__(SERVICE, CONTRACT, Client, settings, store)

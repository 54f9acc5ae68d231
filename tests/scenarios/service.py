"""The service that the scenarios happen to, and what they write to it.

A record on `item.commands` is written as its client would write it, but to a partition of the
test's choice; its name says what it is.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # ships no types

from axion_gen import runtime
from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.client import Transport
from axion_gen.runtime.contract import Contract
from axion_gen.runtime.delivery import Delivery, Handle
from axion_gen.runtime.stores import Begun, Store
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.items import CONTRACT, TOPICS, Client, Context, Handlers, ItemCreate, Quiet
from ..runtime.test_headers import GOOD

COMMANDS = "item.commands"
LETTERS = "items-dlq"
GROUP = "items-group"
SERVICE_TOPICS = {**TOPICS, LETTERS: 1, "items-replay": 1}

SHORT: dict[str, Any] = {
    "commit_interval_ms": 50,
    "drain_timeout_s": 1.5,
    "rebalance_timeout_s": 1.6,
    "request_timeout_s": 2.0,
    "session_timeout_s": 2.1,
}
"""Limits with which the embedded broker's group takes another member soon."""

ServiceBus = runtime.Bus[Client, Handlers]


def bus_on(
    broker: EmbeddedBroker | str,
    *,
    store: Store | None = None,
    outages: tuple[type[Exception], ...] = (),
    contract: Contract = CONTRACT,
    **settings: Any,
) -> ServiceBus:
    """The service's bus, with short limits unless the test says otherwise."""
    servers = broker if isinstance(broker, str) else broker.bootstrap_servers
    chosen = KafkaSettings(bootstrap_servers=servers, **(SHORT | settings))
    return ServiceBus("items", contract, Client, chosen, store, outages)


def create(name: str, number: int = 0) -> bytes:
    """The payload of a command."""
    return ItemCreate(id=UUID(int=number), name=name).model_dump_json().encode()


def headers_of(kind: str = "item.create") -> tuple[tuple[str, bytes], ...]:
    """The headers of a command, each time of a new message."""
    return (
        *GOOD.items(),
        ("x-message-id", str(uuid4()).encode()),
        ("x-message-type", kind.encode()),
    )


async def command(
    broker: EmbeddedBroker, *names: str, partition: int = 0, key: bytes | None = b"key"
) -> None:
    """Write commands, one after the other."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    try:
        for name in names:
            await producer.send_and_wait(
                COMMANDS, create(name), key=key, headers=[*headers_of()], partition=partition
            )
    finally:
        await producer.stop()


class Recorder(Quiet):
    """Notes when handlers begin and end; holds those whose names it is told to hold."""

    def __init__(self, *held: str) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.held = set(held)
        self.free = asyncio.Event()

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        if message.name in self.held:
            await self.free.wait()
        self.ended.append(message.name)


class Forgetful:
    """A store that knows of no record that it is processed: whatever is delivered is handled."""

    retention_s: float | None = None
    outages: tuple[type[Exception], ...] = ()

    def __init__(self, deliveries: Mapping[bytes | None, int] | None = None) -> None:
        self.deliveries = deliveries or {}
        """By key, how often it says that a record was begun, this time included; else once."""
        self.ends: list[tuple[int, str]] = []
        """The offsets that were brought to their ends, and how."""

    async def start(
        self, service: str, group: str, client: Callable[[Transport], runtime.Client]
    ) -> None: ...

    async def stop(self) -> None: ...

    async def begin(self, delivery: Delivery) -> Begun:
        return Begun(deliveries=self.deliveries.get(delivery.record.key, 1))

    def transact(self, following: Handle) -> Handle:
        return following

    async def end(self, delivery: Delivery) -> None:
        self.ends.append((delivery.record.offset, delivery.outcome))

    async def abandon(self, delivery: Delivery) -> None: ...

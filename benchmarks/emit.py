"""Emitting with 100 in flight: what the typed client costs over the producer underneath.

Each of 100 tasks sends one message after another, as handlers do, and waits for each one's
acknowledgement. The bare producer is given the bytes and headers ready made.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # ships no types
from faststream.kafka import KafkaBroker

from axion_gen.runtime import KafkaSettings, Metadata

from .consume import NoOp
from .contender import Clock
from .contract import PLACED, Bus, OrderPlace
from .records import Record, orders, record
from .report import Result, compare
from .rounds import Contender, Stage

WorkT = TypeVar("WorkT")

COUNT = 45_000
IN_FLIGHT = 100
WARM_UP = 500
"""So many are sent before the clock starts: connections, metadata, the producer's id."""


async def axion(servers: str, prefix: str, count: int) -> float:
    """The runtime's client, outside of handlers, so metadata is given."""
    settings = KafkaSettings(
        bootstrap_servers=servers, topic_prefix=prefix, group_id=f"axion-{uuid4()}"
    )
    who = Metadata(user_id="ada", project_id="looms")
    async with Bus(settings).run(NoOp(Clock(0))) as bus:

        async def send(order: OrderPlace) -> None:
            await bus.client.emit(PLACED.address, order, metadata=who)

        return await _rate(send, list(orders(count + WARM_UP)))


async def bare(servers: str, prefix: str, count: int) -> float:
    """The producer that the runtime uses, with the same guarantees."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    topic = prefix + PLACED.address
    await producer.start()

    async def send(made: Record) -> None:
        await producer.send_and_wait(topic, made.value, key=made.key, headers=made.headers)

    try:
        return await _rate(send, [record(order) for order in orders(count + WARM_UP)])
    finally:
        await producer.stop()


async def faststream(servers: str, prefix: str, count: int) -> float:
    """FastStream's `publish`, with the same key, headers and guarantees."""
    broker = KafkaBroker(servers, acks="all", enable_idempotence=True, logger=None)
    topic = prefix + PLACED.address
    await broker.start()

    async def send(made: tuple[OrderPlace, bytes, dict[str, str]]) -> None:
        order, key, headers = made
        await broker.publish(order, topic, key=key, headers=headers)

    work = []
    for order in orders(count + WARM_UP):
        made = record(order)
        work.append((order, made.key, {name: value.decode() for name, value in made.headers}))
    try:
        return await _rate(send, work)
    finally:
        await broker.stop()


async def _rate(send: Callable[[WorkT], Awaitable[None]], work: list[WorkT]) -> float:
    """Messages a second."""
    await _send_all(send, work[:WARM_UP])
    gc.collect()
    gc.freeze()  # the collector need not look at what was made ahead
    begun = time.perf_counter()
    await _send_all(send, work[WARM_UP:])
    return (len(work) - WARM_UP) / (time.perf_counter() - begun)


async def _send_all(send: Callable[[WorkT], Awaitable[None]], work: list[WorkT]) -> None:
    left = iter(work)

    async def sender() -> None:
        for item in left:
            await send(item)

    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))


def measure(stage: Stage) -> list[Result]:
    """Both comparisons."""
    work = {"servers": stage.servers, "prefix": stage.prefix, "count": COUNT}
    rates = stage.run(
        Contender("axion", axion, work),
        Contender("send_and_wait", bare, work),
        Contender("FastStream publish", faststream, work),
    )
    name = f"emit, {IN_FLIGHT} in flight"
    return [
        compare(name, "msg/s", rates, "axion", "send_and_wait", at_least=0.85),
        compare(name, "msg/s", rates, "axion", "FastStream publish", at_least=2),
    ]

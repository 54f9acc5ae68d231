"""Consuming with a typed handler that does nothing: what the runtime itself costs.

The measured time goes from the first handled message to the last; starting, joining the group
and stopping are no part of it. Each run reads the same topic with a group of its own.
"""

from uuid import uuid4

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # ships no types
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from axion_gen.runtime import KafkaSettings

from .contender import Clock
from .contract import ORDERS, Bus, Context, Handlers, OrderPlace
from .records import write
from .report import Result, compare
from .rounds import Contender, Stage

COUNT = 90_000
BATCH = 500
"""What the bare loop takes at once, as Java's clients do. More is no faster, and what the first
batch cost before its first message would be left out."""
FASTSTREAM_COUNT = 3_000  # it takes seconds for these; its pace does not depend on the number


class NoOp(Handlers):
    """Only ticks."""

    def __init__(self, clock: Clock) -> None:
        self._tick = clock.tick

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Note that it came."""
        self._tick()


async def axion(servers: str, prefix: str, count: int) -> float:
    """The runtime with its default settings."""
    settings = KafkaSettings(
        bootstrap_servers=servers, topic_prefix=prefix, group_id=f"axion-{uuid4()}"
    )
    clock = Clock(count)
    async with Bus(settings).run(NoOp(clock)):
        await clock.done.wait()
    return clock.rate


async def bare(servers: str, prefix: str, count: int) -> float:
    """The plain loop: take a batch, validate each value, commit."""
    consumer = AIOKafkaConsumer(
        prefix + ORDERS.address,
        bootstrap_servers=servers,
        group_id=f"bare-{uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    clock = Clock(count)
    await consumer.start()
    try:
        while not clock.done.is_set():
            batch = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            for records in batch.values():
                for record in records:
                    OrderPlace.model_validate_json(record.value)
                    clock.tick()
            await consumer.commit()
    finally:
        await consumer.stop()
    return clock.rate


async def faststream(servers: str, prefix: str, count: int) -> float:
    """FastStream, acknowledging each message after its handler, as at-least-once needs."""
    broker = KafkaBroker(servers, logger=None)
    clock = Clock(count)

    async def handle(order: OrderPlace) -> None:
        clock.tick()

    subscribe = broker.subscriber(
        prefix + ORDERS.address,
        group_id=f"faststream-{uuid4()}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
    )
    subscribe(handle)
    async with broker:
        await broker.start()
        await clock.done.wait()
    return clock.rate


def measure(stage: Stage) -> list[Result]:
    """Both comparisons."""
    write(stage.servers, stage.prefix + ORDERS.address, COUNT)
    at = {"servers": stage.servers, "prefix": stage.prefix}
    rates = stage.run(
        Contender("axion", axion, {**at, "count": COUNT}),
        Contender("bare loop", bare, {**at, "count": COUNT}),
        Contender("FastStream", faststream, {**at, "count": FASTSTREAM_COUNT}),
    )
    return [
        compare("consume, no-op handler", "msg/s", rates, "axion", "bare loop", at_least=0.70),
        compare("consume, no-op handler", "msg/s", rates, "axion", "FastStream", at_least=20),
    ]

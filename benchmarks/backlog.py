"""A service that works through a long backlog and looks at its own memory.

It imports what a service does and no more: `memory.py` measures it.
"""

import asyncio
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # ships no types

from axion_gen.runtime import KafkaSettings

from .contract import ORDERS, Bus, Context, Handlers, OrderPlace

EVERY = 10_000


class Gauge:
    """Samples the memory of this process each so many messages."""

    def __init__(self, count: int) -> None:
        self.done = asyncio.Event()
        self.samples: list[float] = []
        """In MB, at every `EVERY`th message."""
        self._count = count
        self._seen = 0

    def tick(self) -> None:
        """Note a message."""
        self._seen += 1
        if self._seen % EVERY == 0:
            self.samples.append(memory("VmRSS"))
        if self._seen == self._count:
            self.done.set()


class Gauged(Handlers):
    """Only ticks."""

    def __init__(self, gauge: Gauge) -> None:
        self._tick = gauge.tick

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Note that it came."""
        self._tick()


async def axion(servers: str, prefix: str, count: int) -> tuple[list[float], float]:
    """The samples, and the most there ever was."""
    settings = KafkaSettings(
        bootstrap_servers=servers, topic_prefix=prefix, group_id=f"axion-{uuid4()}"
    )
    gauge = Gauge(count)
    async with Bus(settings).run(Gauged(gauge)):
        await gauge.done.wait()
    return gauge.samples, memory("VmHWM")


async def bare(servers: str, prefix: str, count: int) -> tuple[list[float], float]:
    """The same of the plain loop."""
    consumer = AIOKafkaConsumer(
        prefix + ORDERS.address,
        bootstrap_servers=servers,
        group_id=f"bare-{uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    gauge = Gauge(count)
    await consumer.start()
    try:
        while not gauge.done.is_set():
            batch = await consumer.getmany(timeout_ms=1000, max_records=500)
            for records in batch.values():
                for record in records:
                    OrderPlace.model_validate_json(record.value)
                    gauge.tick()
            await consumer.commit()
    finally:
        await consumer.stop()
    return gauge.samples, memory("VmHWM")


def memory(field: str) -> float:
    """A figure of the kernel about this process, in MB."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith(field + ":"))
    return int(kilobytes.split()[1]) / 1000

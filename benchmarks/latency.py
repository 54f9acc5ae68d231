"""Latency at 1,000 messages a second: from the call that produces to the call of the handler.

Another process produces at a steady pace and puts the time into the payload. The bare loop
commits twice a second, as the runtime does, so no message waits for a commit.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from statistics import quantiles
from uuid import uuid4

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # ships no types
from confluent_kafka import Producer

from axion_gen.runtime import KafkaSettings

from .contract import ORDERS, Bus, Context, Handlers, OrderPlace
from .records import orders, record
from .report import Result, added
from .rounds import Contender, Stage

RATE = 1000
WARM_UP = 1000
COUNT = 4000
COMMIT_S = 0.5


class Stopwatch:
    """Takes the time of each message, after a warm-up; ignores those of former rounds."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self._begun = time.monotonic_ns()
        self._latencies: list[int] = []

    def tick(self, order: OrderPlace) -> None:
        """Note a message."""
        now, sent = time.monotonic_ns(), order.price.amount
        if sent > self._begun:
            self._latencies.append(now - sent)
            if len(self._latencies) == WARM_UP + COUNT:
                self.done.set()

    @property
    def percentiles(self) -> tuple[float, float]:
        """The 50th and the 99th, in milliseconds."""
        hundredths = quantiles(self._latencies[WARM_UP:], n=100)
        return hundredths[49] / 1e6, hundredths[98] / 1e6


class Timed(Handlers):
    """Only takes the time."""

    def __init__(self, tick: Callable[[OrderPlace], None]) -> None:
        self._tick = tick

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Note when it came."""
        self._tick(message)


async def axion(servers: str, prefix: str) -> tuple[float, float]:
    """The runtime with its default settings."""
    settings = KafkaSettings(
        bootstrap_servers=servers, topic_prefix=prefix, group_id=f"axion-{uuid4()}"
    )
    watch = Stopwatch()
    async with Bus(settings).run(Timed(watch.tick)):
        await _produce(servers, prefix)
        await watch.done.wait()
    return watch.percentiles


async def bare(servers: str, prefix: str) -> tuple[float, float]:
    """The plain loop: take what is there, validate each value."""
    consumer = AIOKafkaConsumer(
        prefix + ORDERS.address,
        bootstrap_servers=servers,
        group_id=f"bare-{uuid4()}",
        auto_offset_reset="earliest",
        enable_auto_commit=True,
        auto_commit_interval_ms=round(1000 * COMMIT_S),
    )
    watch = Stopwatch()
    await consumer.start()
    await _produce(servers, prefix)
    try:
        while not watch.done.is_set():
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for one in records:
                    watch.tick(OrderPlace.model_validate_json(one.value))
    finally:
        await consumer.stop()
    return watch.percentiles


async def _produce(servers: str, prefix: str) -> None:
    """Begin to produce, in another process, which ends by itself."""
    command = (sys.executable, "-m", __name__, servers, prefix + ORDERS.address)
    await asyncio.create_subprocess_exec(*command)


def produce(servers: str, topic: str) -> None:
    """Write at a steady pace, each record by itself, as soon as it is made."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    made = list(orders(WARM_UP + COUNT))
    begun = time.monotonic()
    for number, order in enumerate(made):
        time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        sent = order.price.model_copy(update={"amount": time.monotonic_ns()})
        key, value, headers = record(order.model_copy(update={"price": sent}))
        producer.produce(topic, key=key, value=value, headers=list(headers))
        producer.poll(0)
    producer.flush(60)


def measure(stage: Stage) -> list[Result]:
    """What the runtime adds to the median, and to the slowest hundredth."""
    at = {"servers": stage.servers, "prefix": stage.prefix}
    ours, peer = "axion", "bare loop"
    stage.run(Contender("warming up", bare, at), rounds=1)  # the broker's own code, above all
    taken = stage.run(Contender(ours, axion, at), Contender(peer, bare, at))
    results = []
    for place, (percentile, limit) in enumerate((("p50", 0.3), ("p99", 2.0))):
        values = {name: [round_[place] for round_ in rounds] for name, rounds in taken.items()}
        name = f"latency at {RATE:,}/s, {percentile}"
        results.append(added(name, "ms", values, ours, peer, at_most=limit))
    return results


if __name__ == "__main__":
    produce(*sys.argv[1:])

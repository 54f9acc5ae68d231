"""Two instances of a service against one, with a handler that waits 10 ms."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from axion_gen.runtime import KafkaSettings

from .brokers import Kafka, topics_of
from .contract import ORDERS, PARTITIONS, Bus, Context, Handlers, OrderPlace
from .records import orders, produce, record
from .report import Result, compare
from .rounds import PATIENCE_S, Stage
from .waiting import roughly

COUNT = 4_800
ROUNDS = 3


class Says(Handlers):
    """Waits as for a database, then prints the time."""

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Handle an order."""
        await roughly()
        sys.stdout.write(f"{time.monotonic_ns()}\n")
        sys.stdout.flush()


async def instance(servers: str, prefix: str, group: str) -> None:
    """Run until SIGTERM, as a service does."""
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    settings = KafkaSettings(bootstrap_servers=servers, topic_prefix=prefix, group_id=group)
    async with Bus(settings).run(Says()):
        await terminated.wait()


@asynccontextmanager
async def running(
    number: int, servers: str, prefix: str, group: str
) -> AsyncIterator[list[Process]]:
    """So many instances, each a process."""
    command = (sys.executable, "-m", __name__, servers, prefix, group)
    processes = [await asyncio.create_subprocess_exec(*command, stdout=PIPE) for _ in range(number)]
    try:
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.communicate() for process in processes))


async def rate(number: int, broker: Kafka, prefix: str) -> float:
    """How many messages a second so many instances handle, from the first to the last.

    The topics are new, so that nothing is handled before all have their partitions.
    """
    broker.create(topics_of(prefix))
    group = f"axion-{uuid4()}"
    times: list[int] = []
    done = asyncio.Event()

    async def listen(process: Process) -> None:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        async for line in process.stdout:
            times.append(int(line))
            if len(times) == COUNT:
                done.set()

    async with (
        asyncio.timeout(PATIENCE_S),
        running(number, broker.servers, prefix, group) as processes,
    ):
        while True:
            shares = await asyncio.to_thread(broker.server.shares, group)
            if len(shares) == number and all(shares):
                break
            await asyncio.sleep(0.2)
        topic = prefix + ORDERS.address
        made = [record(order) for order in orders(COUNT)]
        await asyncio.to_thread(produce, broker.servers, topic, made, partitions=PARTITIONS)
        listening = [asyncio.create_task(listen(process)) for process in processes]
        await done.wait()
        for task in listening:
            task.cancel()
    return (len(times) - 1) / (max(times) - min(times)) * 1e9


def measure(stage: Stage) -> list[Result]:
    """One and two, in turn."""
    assert isinstance(stage.broker, Kafka)  # noqa: S101  # the embedded one takes no two
    rates: dict[str, list[float]] = {"one instance": [], "two instances": []}
    for at in range(min(ROUNDS, stage.rounds)):
        for number, name in enumerate(rates, 1):
            stage.say(f"round {at + 1}: {name}")
            rates[name].append(
                asyncio.run(rate(number, stage.broker, f"{stage.prefix}{number}-{at}-"))
            )
    name = "two instances, handlers wait 10 ms"
    return [compare(name, "msg/s", rates, "two instances", "one instance", at_least=1.9)]


if __name__ == "__main__":
    asyncio.run(instance(*sys.argv[1:]))

"""Consuming with a handler that waits 10 ms: how well the slots are kept busy.

The targets are set against the ideal, slots / 10 ms, so the handler waits 10 ms and not more:
`asyncio.sleep` alone is late by up to a millisecond, for epoll counts in whole ones. What the
runtime reaches with it is shown beside as many tasks that do nothing but sleep.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from axion_gen.runtime import KafkaSettings

from .contender import Clock
from .contract import ORDERS, Bus, Context, Handlers, OrderPlace
from .records import write
from .report import Result, compare
from .rounds import Contender, Stage

WAIT_S = 0.010
TIMER_S = 0.0015
"""How late a timer may be; so long before its end a wait lets the event loop turn instead."""
KEYS = 1000
SLOTS = {10: (2_500, 0.95), 100: (20_000, 0.90)}
"""By number of slots: how many messages, and the share of the ideal that is the target."""
ROUNDS = 3
"""It varies little, for it mostly waits."""


async def exactly() -> None:
    """Wait 10 ms, to some hundredths."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WAIT_S
    await asyncio.sleep(WAIT_S - TIMER_S)
    while loop.time() < end:  # noqa: ASYNC110  # a clock has no event
        await asyncio.sleep(0)


async def roughly() -> None:
    """Wait 10 ms and what the timer is late."""
    await asyncio.sleep(WAIT_S)


class Waits(Handlers):
    """Waits as for a database, then ticks."""

    def __init__(self, clock: Clock, wait: Callable[[], Awaitable[None]]) -> None:
        self._tick = clock.tick
        self._wait = wait

    async def on_order_place(self, message: OrderPlace, context: Context) -> None:
        """Wait, and note that it came."""
        await self._wait()
        self._tick()


async def axion(servers: str, prefix: str, count: int, slots: int, *, exact: bool) -> float:
    """The runtime with so many slots."""
    settings = KafkaSettings(
        bootstrap_servers=servers,
        topic_prefix=prefix,
        group_id=f"axion-{uuid4()}",
        max_concurrent_handlers=slots,
    )
    clock = Clock(count)
    async with Bus(settings).run(Waits(clock, exactly if exact else roughly)):
        await clock.done.wait()
    return clock.rate


async def sleepers(count: int, slots: int) -> float:
    """Tasks that only sleep."""
    clock = Clock(count)

    async def sleeper() -> None:
        while not clock.done.is_set():
            await roughly()
            clock.tick()

    await asyncio.gather(*(sleeper() for _ in range(slots)))
    return clock.rate


def measure(stage: Stage) -> list[Result]:
    """Each number of slots against its ideal, and against sleeping tasks."""
    most = max(count for count, _ in SLOTS.values())
    write(stage.servers, stage.prefix + ORDERS.address, most, keys=KEYS)
    results = []
    for slots, (count, share) in SLOTS.items():
        work = {"count": count, "slots": slots}
        at = {"servers": stage.servers, "prefix": stage.prefix, **work}
        rates = stage.run(
            Contender("axion", axion, {**at, "exact": True}),
            Contender("axion, asyncio.sleep", axion, {**at, "exact": False}),
            Contender("sleeping tasks", sleepers, work),
            rounds=min(ROUNDS, stage.rounds),
        )
        rates["ideal"] = [slots / WAIT_S] * len(rates["axion"])
        name = f"consume, waits 10 ms, {slots} slots"
        results += [
            compare(name, "msg/s", rates, "axion", "ideal", at_least=share),
            compare(name + ", sleep", "msg/s", rates, "axion, asyncio.sleep", "sleeping tasks"),
        ]
    return results

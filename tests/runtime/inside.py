"""The engine with a service's real handlers, on a Kafka of a few lists: what happens inside.

For what no broker can be made to do at a chosen moment. `in_virtual_time` makes a test's half
minutes take no time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, ParamSpec, cast

from axion_gen.runtime import EmitError, KafkaSettings, Store
from axion_gen.runtime.client import Outgoing
from axion_gen.runtime.consumer import Consumer
from axion_gen.runtime.handling import call, pipeline
from axion_gen.runtime.headers import RawHeaders
from axion_gen.runtime.interceptors.dead_letter import DeadLetter
from axion_gen.runtime.interceptors.idempotency import Idempotency
from axion_gen.runtime.interceptors.outage import Held, Outage
from axion_gen.runtime.interceptors.retry import Retry
from axion_gen.runtime.interceptors.slots import Places, Slots
from axion_gen.runtime.kafka import KafkaConsumer, Moved, Partition
from axion_gen.runtime.statistics import Statistics
from axion_gen.runtime.stores import MemoryStore
from axion_gen.runtime.testing.memory import MemoryRecord

from ..scenarios.service import create, headers_of
from .items import CONTRACT, Client, Handlers
from .virtual import VirtualLoop

COMMANDS = "item.commands"
FIRST = Partition(COMMANDS, 0)
SECOND = Partition(COMMANDS, 1)
THIRD = Partition(COMMANDS, 2)

ParametersT = ParamSpec("ParametersT")


def in_virtual_time(
    test: Callable[ParametersT, Coroutine[Any, Any, None]],
) -> Callable[ParametersT, None]:
    """Run a test where time passes only when everybody waits for it."""

    @wraps(test)
    def run(*args: ParametersT.args, **kwargs: ParametersT.kwargs) -> None:
        loop = VirtualLoop()
        asyncio.set_event_loop(loop)
        try:
            loop.run(test(*args, **kwargs))
        finally:
            loop.end()

    return run


class Lists:
    """A Kafka of lists, and a member of a group on it."""

    def __init__(self, partitions: Iterable[Partition] = (FIRST, SECOND, THIRD)) -> None:
        self.logs: dict[Partition, list[MemoryRecord]] = {place: [] for place in partitions}
        self.committed: dict[Partition, int] = {}
        self.positions: dict[Partition, int] = {}
        """Of what is assigned."""
        self.refusing: BaseException | None = None
        """What a commit raises."""
        self.halted: dict[Partition, str] = {}
        self.stopped = False
        self.moved: Moved

    def write(
        self,
        *names: str,
        partition: Partition = FIRST,
        key: bytes | None = b"key",
        value: bytes | None = None,
        headers: tuple[tuple[str, bytes | None], ...] | None = None,
        offset: int | None = None,
    ) -> None:
        log = self.logs[partition]
        for name in names or ("",):
            at = offset if offset is not None else log[-1].offset + 1 if log else 0
            said = headers_of() if headers is None else headers
            log.append(MemoryRecord(*partition, at, 0, key, value or create(name), said))

    async def start(
        self,
        topics: Iterable[str],
        revoked: Callable[[set[Partition]], Awaitable[None]],
        assigned: Callable[[set[Partition]], Awaitable[None]],
    ) -> None:
        self._revoked, self._assigned = revoked, assigned
        await self.assign(set(self.logs))

    async def assign(self, partitions: set[Partition]) -> None:
        self.positions = {place: self.committed.get(place, 0) for place in partitions}
        await self._assigned(set(partitions))

    async def revoke(self) -> None:
        gone = set(self.positions)
        self.positions = {}
        await self._revoked(gone)

    async def take(
        self, eligible: Iterable[Partition], at_most: int
    ) -> Mapping[Partition, list[MemoryRecord]]:
        wanted = [place for place in eligible if place in self.positions]
        for pause in (0.1, 0):
            batch: dict[Partition, list[MemoryRecord]] = {}
            left = at_most
            for place in wanted:
                position = self.positions.get(place)
                if position is None:
                    continue
                found = [r for r in self.logs[place] if r.offset >= position][:left]
                if found:
                    left -= len(found)
                    self.positions[place] = found[-1].offset + 1
                    batch[place] = found
            if batch:
                return batch
            await asyncio.sleep(pause)
        return {}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        await asyncio.sleep(0)
        if self.refusing is not None:
            raise self.refusing
        self.committed |= positions

    def position(self, partition: Partition) -> int | None:
        return self.positions.get(partition) or None  # so that only what was read is committed

    def highwater(self, partition: Partition) -> int | None:
        return None

    async def stop(self) -> None:
        self.stopped = True


class Engine:
    """What `Bus.run` puts together, on lists."""

    def __init__(
        self,
        handlers: Handlers,
        kafka: Lists,
        *,
        store: Store | None = None,
        outages: tuple[type[Exception], ...] = (),
        **settings: Any,
    ) -> None:
        self.kafka = kafka
        self.settings = KafkaSettings(**settings)
        self.letters: list[dict[str, bytes | None]] = []
        """The headers of the dead letters."""
        self.emitted: list[Outgoing] = []
        self.unwritable = False
        """Whether the dead letter topic refuses what comes."""
        self.held = Held()
        self.statistics = Statistics()
        self.client = Client(CONTRACT, self)

        def connect(moved: Moved) -> KafkaConsumer:
            kafka.moved = moved
            return cast("KafkaConsumer", kafka)

        received = {topic.address: topic for topic in CONTRACT.received}
        self.consumer = Consumer(
            connect, received, self.settings, self.statistics, self.held, "items-replay"
        )
        store = store or MemoryStore()
        pause = self.consumer.pause
        places = Places(self.settings.max_concurrent_handlers)
        self.handle = pipeline(
            Idempotency(store, pause),
            DeadLetter(self, "items", "items-group", pause, handlers.dead_lettered),
            Outage(self.held, outages, pause, self.consumer.changed),
            Retry(self.settings.retry_attempts, self.settings.retry_backoff_ms / 1000, pause),
            Slots(places, self.settings.handler_timeout_s),
            store.transact,
            call(CONTRACT, handlers, self.client, ThreadPoolExecutor(1)),
        )

    async def start(self) -> None:
        await self.consumer.start(self.handle)

    async def stop(self) -> None:
        await self.consumer.stop()

    async def send(self, outgoing: Outgoing) -> None:
        self.emitted.append(outgoing)

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        await asyncio.sleep(0)
        if self.unwritable:
            raise EmitError("the topic cannot be written")
        self.letters.append(dict(headers))

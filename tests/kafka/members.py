"""Several instances of a service in one process, the load on them, and what became of it."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any, NamedTuple, Self
from uuid import UUID, uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from axion_gen import runtime
from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.stores import Store

from ..runtime.items import CONTRACT, Client, Context, Handlers, ItemCreate, Quiet
from ..runtime.test_headers import GOOD
from .server import DEAD_LETTERS, KafkaServer

PATIENCE_S = 90.0
"""For what happens at last, on a machine that has other things to do too."""

LIMITS: dict[str, Any] = {
    "drain_timeout_s": 4.0,
    "rebalance_timeout_s": 6.0,
    "request_timeout_s": 8.0,
    "session_timeout_s": 10.0,
}
"""Short ones: a rebalance is noticed at the next heartbeat, a tenth of the session."""


class Bus(runtime.Bus[Client, Handlers]):
    def __init__(self, settings: KafkaSettings, store: Store | None = None) -> None:
        super().__init__("items", CONTRACT, Client, settings, store)


class Service:
    """The topics of a service under a prefix of its own."""

    def __init__(
        self,
        kafka: KafkaServer,
        prefix: str,
        partitions: int = 6,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.kafka = kafka
        self.prefix = f"{prefix}."
        self.commands = kafka.create_topic(f"{self.prefix}item.commands", partitions, config)
        self.events = kafka.create_topic(f"{self.prefix}item.events")
        kafka.create_topic(f"{self.prefix}readings")
        kafka.create_topic(f"{self.prefix}items-replay", config=DEAD_LETTERS)
        self.dead_letters = kafka.create_topic(f"{self.prefix}items-dlq", config=DEAD_LETTERS)
        self.group = f"{self.prefix}items-group"

    def settings(self, **settings: Any) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=self.kafka.bootstrap_servers,
            topic_prefix=self.prefix,
            **{**LIMITS, "commit_interval_ms": 100, **settings},
        )

    def bus(self, store: Store | None = None, **settings: Any) -> Bus:
        return Bus(self.settings(**settings), store)

    async def committed(self) -> dict[int, int]:
        """The group's offsets of the commands, by partition; none where it has committed none."""
        return await asyncio.to_thread(self.kafka.committed, self.group, self.commands)

    async def lag(self) -> int:
        return await asyncio.to_thread(self.kafka.lag, self.group, self.commands)

    async def is_committed(self) -> bool:
        """Whether nothing is behind what the group has committed."""
        return await self.lag() == 0


class Place(NamedTuple):
    """Where a record is in the topic of commands."""

    partition: int
    offset: int


class Owner(NamedTuple):
    """Who has a partition: a member, for one of its assignments."""

    member: str
    assignment: int


class Journal:
    """What the members' handlers did, in the order in which they did it."""

    def __init__(self) -> None:
        self.begun: list[tuple[Owner, str, Place]] = []
        """The key is the second; a repeated attempt is none of them."""
        self.ended: dict[Place, int] = defaultdict(int)
        """How often a handler came to its end."""

    def has_more_than(self, ended: int) -> bool:
        return len(self.ended) > ended

    def orders(self) -> dict[tuple[Owner, str], list[Place]]:
        """The records that each owner began for each key."""
        orders: dict[tuple[Owner, str], list[Place]] = defaultdict(list)
        for owner, key, place in self.begun:
            orders[owner, key].append(place)
        return orders

    def check_order(self) -> None:
        """Within an owner a key's records begin in their order, each once."""
        for owned, places in self.orders().items():
            assert len({place.partition for place in places}) == 1, owned
            assert all(one.offset < next_.offset for one, next_ in pairwise(places)), owned

    @property
    def repeated(self) -> int:
        """How many records were handled more than once."""
        return sum(times > 1 for times in self.ended.values())


Work = Callable[[ItemCreate, Context], Awaitable[None]]


async def a_moment(message: ItemCreate, context: Context) -> None:
    """What a handler usually does: it waits for something else."""
    await asyncio.sleep(random.uniform(0.0, 0.02))


class Works(Quiet):
    def __init__(self, member: "Member", journal: Journal, work: Work) -> None:
        self._member = member
        self._journal = journal
        self._work = work

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        place = Place(context.partition, context.offset)
        owner = Owner(self._member.name, self._member.bus.statistics.rebalances)
        if context.attempt == 0:
            self._journal.begun.append((owner, str(message.id), place))
        await self._work(message, context)
        self._journal.ended[place] += 1


class Member:
    """An instance of the service that can be started and stopped again and again."""

    def __init__(
        self,
        service: Service,
        name: str,
        journal: Journal,
        work: Work = a_moment,
        *,
        store: Store | None = None,
        **settings: Any,
    ) -> None:
        self.name = name
        self._store = store
        self._service = service
        self._settings = {**settings, "client_id": name}
        self._journal = journal
        self._work = work
        self._runs = 0
        self._stack: AsyncExitStack | None = None
        self.bus = self._new_bus()

    def _new_bus(self) -> Bus:
        return self._service.bus(self._store, **self._settings)

    @property
    def running(self) -> bool:
        return self._stack is not None

    async def start(self) -> None:
        self.bus = self._new_bus()
        # A new life is a new owner: its assignments are counted on from the old one's.
        self._runs += 1
        self.bus.statistics.rebalances = 1000 * self._runs
        stack = AsyncExitStack()
        await stack.enter_async_context(self.bus.run(Works(self, self._journal, self._work)))
        self._stack = stack

    async def stop(self) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def command(name: str, key: int = 0, note: str | None = None) -> dict[str, Any]:
    """What a producer of confluent-kafka writes for a command."""
    item = ItemCreate(id=UUID(int=key), name=name, note=note)
    return {
        "key": str(item.id),
        "value": item.model_dump_json(exclude_none=True).encode(),
        "headers": [
            *GOOD.items(),
            ("x-message-id", str(uuid4()).encode()),
            ("x-message-type", b"item.create"),
        ],
    }


class Load:
    """Commands that are written steadily, and where each is once Kafka has acknowledged it."""

    def __init__(self, service: Service, *, keys: int = 40, per_second: float = 200) -> None:
        self.places: dict[str, Place] = {}
        """By the item's name, which is its number."""
        self.refused: list[KafkaError] = []
        self._service = service
        self._keys = keys
        self._per_second = per_second
        self._number = 0
        self._producer = Producer(
            {
                "bootstrap.servers": service.kafka.bootstrap_servers,
                "enable.idempotence": True,
                # It outlives every outage of the tests.
                "message.timeout.ms": 300_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._writing: asyncio.Task[None] | None = None

    @property
    def written(self) -> set[Place]:
        return set(self.places.values())

    def write(self, count: int = 1, *, partition: int = -1, note: str | None = None) -> None:
        """Write some now; by default into the partitions of their keys."""
        for _ in range(count):
            self._write_one(partition, note)

    async def __aenter__(self) -> Self:
        """Write steadily until the block is left, and then wait until all is acknowledged."""
        self._writing = asyncio.create_task(self._write(), name="load")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._writing is not None
        self._writing.cancel()
        await asyncio.wait((self._writing,))
        await self.flush()

    async def flush(self) -> None:
        """Wait until all is acknowledged."""
        left = await asyncio.to_thread(self._producer.flush, PATIENCE_S)
        assert left == 0, f"{left} commands are not acknowledged"
        assert self.refused == []
        assert len(self.places) == self._number

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        begun, first = loop.time(), self._number
        while True:
            due = first + int((loop.time() - begun) * self._per_second)
            self.write(due - self._number)
            self._producer.poll(0)
            await asyncio.sleep(0.02)

    def _write_one(self, partition: int, note: str | None) -> None:
        name = str(self._number)

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.refused.append(error)
                return
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            self.places[name] = Place(partition, offset)

        self._producer.produce(
            self._service.commands,
            **command(name, self._number % self._keys, note),
            partition=partition,
            on_delivery=acknowledged,
        )
        self._number += 1


class Watch:
    """Looks again and again at what is committed, and that all before it was handled."""

    def __init__(self, service: Service, journal: Journal) -> None:
        self.looks = 0
        self._service = service
        self._journal = journal
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look once. There is a record at each offset, so they can be counted through."""
        try:
            committed = await self._service.committed()
        except KafkaException:  # the broker is away
            return
        # Read before: what is handled since then does no harm.
        for partition, offset in committed.items():
            missing = [
                before
                for before in range(offset)
                if Place(partition, before) not in self._journal.ended
            ]
            assert not missing, f"{partition} is committed to {offset} without {missing}"
        self.looks += 1

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_on(), name="watch")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._looking is not None
        if self._looking.done():
            await self._looking
        self._looking.cancel()
        await asyncio.wait((self._looking,))
        if kind is None:
            await self.look()

    async def _look_on(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(0.2)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, *, within_s: float = PATIENCE_S
) -> None:
    """Wait for something that will happen; fail, saying what did not, if it takes too long."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = condition()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"did not happen within {within_s:g} s: {what}") from None


async def all_handled(load: Load, journal: Journal, service: Service) -> None:
    """Wait until whatever was written is handled, and committed."""
    await until(lambda: load.written <= journal.ended.keys(), "all is handled")

    await until(service.is_committed, "all is committed")

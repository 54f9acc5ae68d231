"""Records as the runtime's own client writes them, made ahead and written fast."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from confluent_kafka import Producer

from axion_gen.runtime.headers import Headers

from .contract import Money, OrderPlace, Priority

QUEUE = 100_000
ANY = -1
"""The partition that the key sends a record to."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Record(NamedTuple):
    """What a producer is given."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def orders(count: int, *, keys: int | None = None) -> Iterator[OrderPlace]:
    """The same orders each time, of so many different ids; by default each has its own."""
    dice = random.Random(1)  # noqa: S311  # nothing secret
    ids = [UUID(int=dice.getrandbits(128), version=4) for _ in range(keys or count)]
    for number in range(count):
        yield OrderPlace(
            id=ids[number % len(ids)],
            customer=f"customer-{dice.randrange(10_000)}",
            quantity=dice.randrange(1, 100),
            priority=dice.choice(list(Priority)),
            placed_at=EPOCH + timedelta(milliseconds=number * 1001),
            price=Money(currency="EUR", amount=dice.randrange(100, 1_000_000)),
        )


def headers_of(order: OrderPlace) -> list[tuple[str, bytes]]:
    """The seven headers of a root message."""
    message_id = str(uuid4())
    return Headers(
        correlation_id=str(uuid4()),
        causation_id=message_id,
        user_id="ada",
        project_id="looms",
        timestamp=int(order.placed_at.timestamp() * 1000),
        message_id=message_id,
        message_type="order.place",
    ).encode()


def record(order: OrderPlace) -> Record:
    """An order on the wire."""
    return Record(str(order.id).encode(), order.model_dump_json().encode(), headers_of(order))


def write(servers: str, topic: str, count: int, *, keys: int | None = None) -> None:
    """Write so many orders and wait for all acknowledgements."""
    produce(servers, topic, [record(order) for order in orders(count, keys=keys)])


def produce(
    servers: str, topic: str, records: Iterable[Record], *, partitions: int | None = None
) -> None:
    """Write records and wait for all acknowledgements.

    They are in batches of some hundreds, as a topic has them that waited for its reader: the
    embedded broker answers a fetch with one batch of each partition. With `partitions` they go
    to each of so many in turn, not where their keys send them.
    """
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "linger.ms": 1000,
            "batch.num.messages": 500,
            "queue.buffering.max.messages": QUEUE,
        }
    )
    for number, (key, value, headers) in enumerate(records):
        partition = ANY if partitions is None else number % partitions
        while len(producer) >= QUEUE:
            producer.poll(0.1)
        producer.produce(topic, key=key, value=value, headers=list(headers), partition=partition)
        producer.poll(0)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} records of {topic} were not acknowledged")

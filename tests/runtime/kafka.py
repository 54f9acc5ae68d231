"""What the tests of the bus see of Kafka: records on topics, offsets of groups."""

import asyncio
from collections.abc import Callable

from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)

from axion_gen.runtime.headers import Record

PATIENCE_S = 30.0


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that will happen; fail, saying what did not, if it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"did not happen within {PATIENCE_S:g} s: {what}") from None


async def write(
    servers: str,
    topic: str,
    value: bytes | None,
    *,
    key: bytes | None = None,
    headers: tuple[tuple[str, bytes], ...] = (),
    partition: int | None = None,
) -> None:
    """Write a record as any producer could."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        await producer.send_and_wait(
            topic, value, key=key, headers=list(headers), partition=partition
        )
    finally:
        await producer.stop()


async def read(servers: str, topic: str, *, at_least: int) -> list[Record]:
    """The records of a topic from its beginning, once there are so many."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    records: list[Record] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(records) < at_least:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
    except TimeoutError:
        raise AssertionError(f"{topic} has {len(records)} records, not {at_least}") from None
    finally:
        await consumer.stop()
    return records


async def end_offset(servers: str, topic: str) -> int:
    """How many records a topic has been given, over its partitions."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        await consumer._client.set_topics([topic])
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


async def committed(servers: str, group: str, topic: str, partition: int) -> int | None:
    """The offset that a group has committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group)
    await consumer.start()
    try:
        offset: int | None = await consumer.committed(TopicPartition(topic, partition))
    finally:
        await consumer.stop()
    return offset

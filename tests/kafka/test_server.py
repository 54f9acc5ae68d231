"""The Kafka that the other tests run on does what they ask of it."""

import asyncio

import pytest

from ..runtime.kafka import end_offset, read, write
from .server import KafkaServer

pytestmark = pytest.mark.kafka


async def test_records_outlive_a_restart_and_a_kill(kafka: KafkaServer) -> None:
    topic = kafka.create_topic("restart", partitions=3)
    servers = kafka.bootstrap_servers
    await write(servers, topic, b"one", key=b"k", headers=(("h", b"\xff"),), partition=2)
    [before] = await read(servers, topic, at_least=1)
    await asyncio.to_thread(kafka.restart)
    [after] = await read(servers, topic, at_least=1)
    assert (after.partition, after.key, after.value) == (2, b"k", b"one")
    assert (after.timestamp, list(after.headers)) == (before.timestamp, [("h", b"\xff")])
    kafka.kill()
    await asyncio.to_thread(kafka.start)
    await write(servers, topic, b"two", partition=2)
    assert [record.offset for record in await read(servers, topic, at_least=2)] == [0, 1]


async def test_a_frozen_kafka_answers_after_it_is_thawed(kafka: KafkaServer) -> None:
    topic = kafka.create_topic("frozen")
    servers = kafka.bootstrap_servers
    await write(servers, topic, b"before")
    kafka.freeze()
    try:
        waiting = asyncio.create_task(end_offset(servers, topic))
        done, _ = await asyncio.wait({waiting}, timeout=1)
        assert not done
    finally:
        kafka.thaw()
    assert await waiting == 1

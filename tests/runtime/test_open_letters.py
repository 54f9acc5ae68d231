"""The depth of a dead letter queue, on the embedded broker."""

import asyncio
from collections.abc import Iterator

import pytest

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.dead_letters import answered
from axion_gen.runtime.open_letters import OpenLetters
from axion_gen.runtime.testing import EmbeddedBroker

from .kafka import until, write
from .test_dead_letters import block, letter

TOPIC = "kitchen-dlq"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={TOPIC: 3}) as broker:
        yield broker


def following(broker: EmbeddedBroker) -> OpenLetters:
    settings = KafkaSettings(
        bootstrap_servers=broker.bootstrap_servers,
        drain_timeout_s=0.5,
        rebalance_timeout_s=1,
        request_timeout_s=2,
    )
    return OpenLetters(settings, "kitchen", TOPIC)


async def test_the_depth_of_an_empty_queue_is_known(broker: EmbeddedBroker) -> None:
    async with following(broker) as letters:
        await until(lambda: letters.depth == 0, "the topic is read to its end")
    assert letters.oldest is None


async def test_the_depth_follows_letters_and_answers(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    first = letter()
    await write(servers, TOPIC, b"", headers=tuple(block()), partition=2)
    await write(servers, TOPIC, None, key=b"k", headers=tuple(block(id=b"1" * 64)), partition=1)
    async with following(broker) as letters:
        await until(lambda: letters.depth == 2, "what was there is counted")
        assert letters.oldest == first.failed_at
        await write(servers, TOPIC, b"by hand", partition=1)
        await until(lambda: letters.depth == 3, "what is added is counted")
        answer = tuple((name, value or b"") for name, value in answered(first, "replayed", "ada"))
        await write(servers, TOPIC, b"", headers=answer, partition=0)
        await until(lambda: letters.depth == 2, "what is answered is not")


async def test_the_depth_is_known_once_brokers_answer(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await write(broker.bootstrap_servers, TOPIC, b"", headers=tuple(block()))
    broker.set_down(1)
    async with following(broker) as letters:
        await until(lambda: "cannot be read" in caplog.text, "it says that it cannot read")
        assert letters.depth is None
        broker.set_up(1)
        await until(lambda: letters.depth == 1, "it tries again by itself")
        broker.set_down(1)
        assert letters.depth == 1
        broker.set_up(1)
        await write(broker.bootstrap_servers, TOPIC, b"", headers=tuple(block(id=b"1" * 64)))
        await until(lambda: letters.depth == 2, "it follows after an outage")


async def test_it_stops_while_brokers_are_away(broker: EmbeddedBroker) -> None:
    async with asyncio.timeout(20):
        async with following(broker) as letters:
            await until(lambda: letters.depth == 0, "the topic is read to its end")
            broker.set_down(1)

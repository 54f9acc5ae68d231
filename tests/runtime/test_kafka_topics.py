"""What must be so before a service starts, on the embedded broker."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from axion_gen.runtime import KafkaSettings, StartError
from axion_gen.runtime.kafka import KafkaProducer, require_topics, topics
from axion_gen.runtime.testing import EmbeddedBroker


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={"source": 1, "items-dlq": 1}, brokers=2) as broker:
        yield broker


def on(broker: EmbeddedBroker) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


async def test_missing_topics_are_named_and_not_created(broker: EmbeddedBroker) -> None:
    for _ in range(2):
        with pytest.raises(StartError, match=r"topics are missing on .*: cups, plates;"):
            await require_topics(on(broker), "test", ["source", "plates", "cups"])


async def test_brokers_that_do_not_tell_are_not_asked_again(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, topics.logger.name)
    retention = await require_topics(
        on(broker), "test", ["source"], received=["source"], dead_letters="items-dlq"
    )
    assert retention is None
    assert "it is not checked" in caplog.text
    assert all(record.levelno == logging.DEBUG for record in caplog.records)


async def test_dead_letters_are_no_source(broker: EmbeddedBroker) -> None:
    with pytest.raises(StartError, match="items-dlq holds dead letters, which are no source"):
        await require_topics(on(broker), "test", [], received=["items-dlq"])


async def test_a_broker_that_hangs_does_not_hold_up_the_others(broker: EmbeddedBroker) -> None:
    # One after the other aiokafka would wait for each step of the slow connection.
    producer = KafkaProducer(on(broker), "test")
    await producer.start()
    broker.create_topic("many", partitions=8)
    broker.set_round_trip_time(1, 30.0)
    sends = [
        asyncio.create_task(producer.send("many", b"%d" % number, b"v", [])) for number in range(40)
    ]
    done, _ = await asyncio.wait(sends, timeout=25.0, return_when=asyncio.FIRST_COMPLETED)
    assert done, "the healthy broker's partitions are written"
    await producer.stop()
    await asyncio.gather(*sends, return_exceptions=True)


@pytest.mark.parametrize(("without", "said"), [("", False), ("1", True)])
def test_a_client_without_its_c_extension_is_warned_of(without: str, said: bool) -> None:
    script = "from axion_gen.runtime.kafka import topics; topics._warn_of_slowness()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"AIOKAFKA_NO_EXTENSIONS": without},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("aiokafka runs without its C extension" in done.stderr) == said

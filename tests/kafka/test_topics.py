"""What a real Kafka tells of topics is checked before a service starts."""

import logging
import math

import pytest

from axion_gen.runtime import EmitError, KafkaSettings, StartError
from axion_gen.runtime.errors import RecordTooLargeError
from axion_gen.runtime.kafka import KafkaProducer, require_topics

from ..runtime.kafka import read
from .server import DEAD_LETTERS, KafkaServer

pytestmark = pytest.mark.kafka

DAY_MS = 24 * 60 * 60 * 1000


async def checked(kafka: KafkaServer, sources: list[str], dead_letters: str) -> float | None:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    return await require_topics(
        settings,
        "test",
        [*sources, dead_letters],
        received=sources,
        dead_letters=dead_letters,
    )


async def test_a_dead_letter_topic_that_would_not_take_every_record(kafka: KafkaServer) -> None:
    small = kafka.create_topic("topics.small")
    large = kafka.create_topic("topics.large", config={"max.message.bytes": "3000000"})
    dead_letters = kafka.create_topic("topics.one-dlq", config=DEAD_LETTERS)
    await checked(kafka, [small], dead_letters)
    with pytest.raises(StartError) as raised:
        await checked(kafka, [small, large], dead_letters)
    text = str(raised.value)
    assert "topics.one-dlq takes records of 1114124 bytes, topics.large of 3000000" in text
    assert (
        f"kafka-configs.sh --bootstrap-server {kafka.bootstrap_servers} --alter"
        " --entity-type topics --entity-name topics.one-dlq"
        " --add-config max.message.bytes=3065536" in text
    )


async def test_a_replay_topic_that_would_not_take_every_letter_is_warned_of(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    source, replay = kafka.create_topic("topics.replayed"), kafka.create_topic("topics.replay")
    dead_letters = kafka.create_topic("topics.replayed-dlq", config=DEAD_LETTERS)
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    for warned in (True, False):
        caplog.clear()
        await require_topics(
            settings,
            "test",
            [source, dead_letters, replay],
            received=[source],
            dead_letters=dead_letters,
            replay=replay,
        )
        assert ("topics.replay takes records of 1048588 bytes" in caplog.text) == warned
        kafka.configure(replay, max_message_bytes="1114124")


async def test_a_dead_letter_topic_that_forgets_is_warned_of(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    source = kafka.create_topic("topics.source")
    forgets = DEAD_LETTERS | {"retention.ms": "1000"}
    await checked(kafka, [source], kafka.create_topic("topics.forgets-dlq", config=forgets))
    assert "topics.forgets-dlq deletes letters after 1000 ms" in caplog.text
    compacts = DEAD_LETTERS | {"cleanup.policy": "compact"}
    await checked(kafka, [source], kafka.create_topic("topics.compacts-dlq", config=compacts))
    assert "topics.compacts-dlq is compacted" in caplog.text
    caplog.clear()
    await checked(kafka, [source], kafka.create_topic("topics.keeps-dlq", config=DEAD_LETTERS))
    assert not caplog.text


async def test_how_long_records_are_kept(kafka: KafkaServer) -> None:
    day = kafka.create_topic("topics.day", config={"retention.ms": str(DAY_MS)})
    week = kafka.create_topic("topics.week", config={"retention.ms": str(7 * DAY_MS)})
    ever = kafka.create_topic("topics.ever", config={"retention.ms": "-1"})
    compacted = kafka.create_topic("topics.compacted", config={"cleanup.policy": "compact"})
    dead_letters = kafka.create_topic("topics.kept-dlq", config=DEAD_LETTERS)
    assert await checked(kafka, [day, week], dead_letters) == 7 * DAY_MS / 1000
    assert await checked(kafka, [day, ever], dead_letters) == math.inf
    assert await checked(kafka, [day, compacted], dead_letters) == math.inf


async def test_a_record_that_the_topic_refuses_breaks_nothing(kafka: KafkaServer) -> None:
    topic = kafka.create_topic("topics.tiny", config={"max.message.bytes": "2000"})
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), "test")
    await producer.start()
    written: list[bytes] = []
    refused: list[EmitError] = []
    try:
        for number in range(20):
            value = b"%d" % number + bytes(3000 if number % 4 == 1 else 10)
            try:
                await producer.send(topic, b"k", value, [])
            except RecordTooLargeError as error:
                refused.append(error)
            else:
                written.append(value)
    finally:
        await producer.stop()
    assert [error.unknown for error in refused] == [False] * 5
    assert len(written) == 15
    # The brokers refuse a number that is missing: there was none.
    records = await read(kafka.bootstrap_servers, topic, at_least=15)
    assert [record.value for record in records] == written

"""A topic of a million records: whoever works through it needs no more memory for that."""

import pytest

from benchmarks import memory
from benchmarks.brokers import Kafka, topics_of
from benchmarks.rounds import Stage

from .server import KafkaServer

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_memory_is_flat_whatever_the_length_of_the_topic(kafka: KafkaServer) -> None:
    broker, notes = Kafka(kafka), list[str]()
    broker.create(topics_of("backlog-"))
    results = memory.measure(Stage(broker, "backlog-", 1, print, notes))
    if notes:
        pytest.skip(notes[0])
    assert memory.COUNT == 1_000_000
    for result in results:
        print(result)  # noqa: T201
        assert result.met, result

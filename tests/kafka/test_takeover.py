"""Two instances share a topic on a real Kafka; one is killed and the other takes over."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer

from ..runtime.test_headers import GOOD
from .server import DEAD_LETTERS, ROOT, KafkaServer

pytestmark = pytest.mark.kafka

PREFIX = "takeover."
COMMANDS, EVENTS = PREFIX + "item.commands", PREFIX + "item.events"
GROUP = PREFIX + "items-group"
PARTITIONS = 6
PATIENCE_S = 60.0
# A member that died is missed after the session timeout; the others must be below it.
LIMITS = {
    "KAFKA_DRAIN_TIMEOUT_S": "2",
    "KAFKA_REBALANCE_TIMEOUT_S": "3",
    "KAFKA_REQUEST_TIMEOUT_S": "4",
    "KAFKA_SESSION_TIMEOUT_S": "5",
}


class Load:
    """Commands that go on and on, and the events that answer them."""

    def __init__(self, servers: str) -> None:
        self.commanded: set[str] = set()
        self.answered: set[str] = set()
        self.answers_of: Counter[str] = Counter()
        self._producer = Producer({"bootstrap.servers": servers, "acks": "all"})
        self._consumer = Consumer(
            {"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([EVENTS])

    def until(self, condition: Callable[[], bool], what: str, *, commands: bool) -> None:
        """Collect answers, and give more commands if told to, until something has happened."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                missing = len(self.commanded - self.answered)
                pytest.fail(f"not within {PATIENCE_S:g} s: {what}; {missing} are not answered")
            if commands:
                self._command(20)
            for event in self._consumer.consume(1000, timeout=0.02):
                created = json.loads(event.value() or b"")
                self.answered.add(created["id"])
                self.answers_of[created["name"]] += 1

    def _command(self, count: int) -> None:
        for _ in range(count):
            item = str(uuid4())
            headers: list[tuple[str, str | bytes | None]] = [
                *GOOD.items(),
                ("x-message-id", str(uuid4()).encode()),
                ("x-message-type", b"item.create"),
            ]
            value = json.dumps({"id": item, "name": "cup"}).encode()
            self._producer.produce(COMMANDS, value, key=item, headers=headers)
            self.commanded.add(item)
        assert self._producer.flush(PATIENCE_S) == 0, "commands are not acknowledged"

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def instance(name: str, servers: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A service in a process of its own; what it logs is shown if the test fails."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": servers, "KAFKA_TOPIC_PREFIX": PREFIX, **LIMITS}
    path = folder / f"{name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.instance", name],
            cwd=ROOT,
            env=os.environ | environment,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        sys.stderr.write(f"{name}:\n{path.read_text()}\n")


def test_the_other_takes_over_when_one_is_killed_and_nothing_is_lost(
    kafka: KafkaServer, tmp_path: Path
) -> None:
    servers = kafka.bootstrap_servers
    kafka.create_topic(COMMANDS, PARTITIONS)
    for topic in (EVENTS, PREFIX + "readings", PREFIX + "items-replay"):
        kafka.create_topic(topic)
    kafka.create_topic(PREFIX + "items-dlq", config=DEAD_LETTERS)

    def shares() -> list[set[int]]:
        members = kafka.shares(GROUP)
        return [{number for topic, number in share if topic == COMMANDS} for share in members]

    with (
        closing(Load(servers)) as load,
        instance("first", servers, tmp_path) as first,
        instance("second", servers, tmp_path) as second,
    ):
        load.until(lambda: [*map(len, shares())] == [3, 3], "they share", commands=False)
        load.until(
            lambda: min(load.answers_of["first"], load.answers_of["second"]) >= 200,
            "both handle",
            commands=True,
        )
        first.kill()
        assert first.wait() < 0
        assert kafka.lag(GROUP, COMMANDS) > 0, "there was no load when it was killed"
        load.until(
            lambda: shares() == [set(range(PARTITIONS))], "the other takes over", commands=True
        )
        load.until(
            lambda: load.commanded == load.answered, "every command is answered", commands=False
        )
        load.until(lambda: kafka.lag(GROUP, COMMANDS) == 0, "all is committed", commands=False)
        second.terminate()
        assert second.wait(PATIENCE_S) == 0
    assert kafka.shares(GROUP) == []
    assert kafka.lag(GROUP, COMMANDS) == 0

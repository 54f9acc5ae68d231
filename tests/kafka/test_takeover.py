"""Two instances share a topic on a real Kafka; one ends and the other takes over."""

import json
import os
import signal
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

PARTITIONS = 6
PATIENCE_S = 60.0
# A member that died is missed after the session timeout; the others must be below it.
LIMITS = {
    "KAFKA_DRAIN_TIMEOUT_S": "2",
    "KAFKA_REBALANCE_TIMEOUT_S": "3",
    "KAFKA_REQUEST_TIMEOUT_S": "4",
    "KAFKA_SESSION_TIMEOUT_S": "5",
}


class Service:
    """The topics of a service under a prefix of its own."""

    def __init__(self, kafka: KafkaServer, prefix: str) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self.commands = kafka.create_topic(f"{prefix}item.commands", PARTITIONS)
        self.events = kafka.create_topic(f"{prefix}item.events")
        self.group = f"{prefix}items-group"
        for topic in ("readings", "items-replay"):
            kafka.create_topic(prefix + topic)
        kafka.create_topic(f"{prefix}items-dlq", config=DEAD_LETTERS)

    def shares(self) -> list[set[int]]:
        members = self.kafka.shares(self.group)
        return [{number for topic, number in share if topic == self.commands} for share in members]

    def lag(self) -> int:
        return self.kafka.lag(self.group, self.commands)


class Load:
    """Commands that go on and on, and the events that answer them."""

    def __init__(self, service: Service) -> None:
        self.commanded: set[str] = set()
        self.answered: Counter[str] = Counter()
        self.answers_of: Counter[str] = Counter()
        self._commands = service.commands
        servers = service.kafka.bootstrap_servers
        self._producer = Producer({"bootstrap.servers": servers, "acks": "all"})
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": f"{service.prefix}test",
                "auto.offset.reset": "earliest",
            }
        )
        self._consumer.subscribe([service.events])

    def until(self, condition: Callable[[], bool], what: str, *, commands: bool) -> None:
        """Collect answers, and give more commands if told to, until something has happened."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                missing = len(self.commanded - self.answered.keys())
                pytest.fail(f"not within {PATIENCE_S:g} s: {what}; {missing} are not answered")
            if commands:
                self._command(20)
            for event in self._consumer.consume(1000, timeout=0.02):
                created = json.loads(event.value() or b"")
                self.answered[created["id"]] += 1
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
            self._producer.produce(self._commands, value, key=item, headers=headers)
            self.commanded.add(item)
        assert self._producer.flush(PATIENCE_S) == 0, "commands are not acknowledged"

    def close(self) -> None:
        self._consumer.close()

    def all_answered(self) -> bool:
        return self.commanded == self.answered.keys()


@contextmanager
def instance(name: str, service: Service, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A service in a process of its own; what it logs is shown if the test fails."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": service.kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": service.prefix,
        **LIMITS,
    }
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


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_the_other_takes_over_when_one_ends_and_nothing_is_lost(
    kafka: KafkaServer, tmp_path: Path, end: signal.Signals
) -> None:
    service = Service(kafka, f"takeover.{end.name.lower()}.")
    with (
        closing(Load(service)) as load,
        instance("first", service, tmp_path) as first,
        instance("second", service, tmp_path) as second,
    ):
        load.until(lambda: [*map(len, service.shares())] == [3, 3], "they share", commands=False)
        load.until(
            lambda: min(load.answers_of["first"], load.answers_of["second"]) >= 200,
            "both handle",
            commands=True,
        )
        first.send_signal(end)
        if end == signal.SIGKILL:
            assert first.wait() < 0
            assert service.lag() > 0, "there was no load when it was killed"
        load.until(
            lambda: service.shares() == [set(range(PARTITIONS))],
            "the other takes over",
            commands=True,
        )
        if end == signal.SIGTERM:
            assert first.wait(PATIENCE_S) == 0
        load.until(load.all_answered, "every command is answered", commands=False)
        load.until(lambda: service.lag() == 0, "all is committed", commands=False)
        second.terminate()
        assert second.wait(PATIENCE_S) == 0
        events = kafka.lag("nobody", service.events)
        load.until(lambda: sum(load.answers_of.values()) == events, "all is read", commands=False)
    if end == signal.SIGTERM:  # who leaves in order leaves nothing to be done again
        assert set(load.answered.values()) == {1}
    assert kafka.shares(service.group) == []
    assert service.lag() == 0

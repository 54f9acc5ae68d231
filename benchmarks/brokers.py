"""Brokers to measure on, always in a process of their own: no contender shares it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from axion_gen.runtime.contract import dead_letter_topic, replay_topic
from tests.kafka.server import KafkaServer, KafkaUnavailable

from .contract import CONTRACT, SERVICE

LETTERS = {"max.message.bytes": str(1_048_588 + 64 * 1024), "retention.ms": "-1"}
"""For dead letters and their replay: the largest record goes in, and the headers added to it."""


class Broker(Protocol):
    """Where a measure runs."""

    name: str
    servers: str

    def create(self, topics: Mapping[str, int]) -> None:
        """Create topics with these numbers of partitions."""


class Unavailable(Exception):  # noqa: N818  # a state of the machine, not of a program
    """A broker cannot run here; the text says what is missing."""


class Kafka:
    """Apache Kafka 4, one broker."""

    name = "kafka"

    def __init__(self, server: KafkaServer) -> None:
        self.server = server
        self.servers = server.bootstrap_servers

    def create(self, topics: Mapping[str, int]) -> None:
        """Create topics with these numbers of partitions."""
        for name, partitions in topics.items():
            letters = name.endswith((dead_letter_topic(SERVICE), replay_topic(SERVICE)))
            self.server.create_topic(name, partitions, LETTERS if letters else None)


class Embedded:
    """The embedded broker; it makes its topics when it starts, so each measure has its own."""

    name = "embedded"

    def __init__(self) -> None:
        self.servers = ""
        self._process: subprocess.Popen[str] | None = None

    def create(self, topics: Mapping[str, int]) -> None:
        """Start anew, with these topics alone."""
        self.stop()
        script = "from axion_gen.tools.cli import main; main()"
        options = ["--topic=" + f"{name}:{partitions}" for name, partitions in topics.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, "broker", "--port=0", "--format=json", *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        self.servers = json.loads(self._process.stdout.readline())["bootstrap_servers"]

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


@contextmanager
def running(name: str) -> Iterator[Broker]:
    """A broker for as long as the context lasts.

    Raises:
        Unavailable: it cannot run on this machine.
    """
    if name == "embedded":
        embedded = Embedded()
        try:
            yield embedded
        finally:
            embedded.stop()
        return
    with tempfile.TemporaryDirectory(prefix="axion-bench-") as folder:
        try:
            server = KafkaServer(Path(folder))
        except KafkaUnavailable as missing:
            raise Unavailable(str(missing)) from None
        try:
            server.start()
            yield Kafka(server)
        finally:
            server.stop()


def topics_of(prefix: str) -> dict[str, int]:
    """The topics that the service needs, behind a prefix, and their numbers of partitions."""
    topics = {prefix + topic.address: topic.partitions for topic in CONTRACT.topics}
    return topics | {prefix + dead_letter_topic(SERVICE): 1, prefix + replay_topic(SERVICE): 1}

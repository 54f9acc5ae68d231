"""A real Apache Kafka on this machine: one process, broker and controller, for tests to break."""

import hashlib
import logging
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names no exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

ROOT = Path(__file__).parents[2]
POM = Path(__file__).with_name("pom.xml")
PATIENCE_S = 60.0

DEAD_LETTERS = {"max.message.bytes": str(1_048_588 + 64 * 1024), "retention.ms": "-1"}
"""How a dead letter topic is configured, where those of its sources have Kafka's defaults."""

NO_GROUP_YET = {
    KafkaError.GROUP_ID_NOT_FOUND,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners={listeners}
advertised.listeners={listeners}
listener.security.protocol.map={protocols}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=500
"""


class KafkaUnavailable(Exception):  # noqa: N818  # a state of the machine, not of a program
    """This machine cannot run Kafka; the text says what is missing."""


def libraries() -> Path:
    """The folder with Kafka's jars, fetched with Maven the first time.

    Raises:
        KafkaUnavailable: there is no Java 17, no Maven, or Maven cannot get the jars.
    """
    if shutil.which("java") is None:
        raise KafkaUnavailable("Apache Kafka needs Java 17 or newer: there is no `java`")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        raise KafkaUnavailable(f"Apache Kafka needs Java 17 or newer, and this is: {said}")
    # Named by its content, and there only when it is complete: no other stamp is needed.
    folder = ROOT / ".cache/kafka" / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    if not folder.exists():
        _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise KafkaUnavailable("Maven fetches Apache Kafka: there is no `mvn`")
    folder.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"\nMaven fetches Apache Kafka into {folder.parent}, 45 MB, once ...\n")
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        maven = subprocess.run(
            [
                *("mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "--file", POM),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={unfinished}/libraries",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if maven.returncode:
            raise KafkaUnavailable(f"Maven cannot fetch Apache Kafka: {maven.stdout.strip()}")
        Path(unfinished, "libraries").rename(folder)


class KafkaServer:
    """Apache Kafka on two ports of the loopback interface, which it keeps through restarts.

    Everything it writes, its log included, is in `folder`. Topics are never created by accident.

    `listeners` maps names of further ones to their security protocols; `addresses` says where
    they are. Their `properties`, `users` for SCRAM and `java_options` are Kafka's own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        listeners: Mapping[str, str] | None = None,
        properties: str = "",
        users: Mapping[str, str] | None = None,
        java_options: tuple[str, ...] = (),
    ) -> None:
        self._classpath = f"{libraries()}/*"
        self._configuration = folder / "server.properties"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **(listeners or {})}
        ports = dict(zip(protocols, free_ports(len(protocols)), strict=True))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.bootstrap_servers = self.addresses["PLAINTEXT"]
        self._java_options = java_options
        self._admin = AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "reconnect.backoff.max.ms": 100},
            logger=logging.getLogger(__name__),  # it would write to stderr
        )
        self._configuration.write_text(
            PROPERTIES.format(
                listeners=",".join(f"{name}://{at}" for name, at in self.addresses.items()),
                protocols=",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
                controller_port=ports["CONTROLLER"],
                folder=folder,
            )
            + properties
        )
        formatting = ["format", "--standalone", "--cluster-id", "axion-tests-axion-tests"]
        for name, password in (users or {}).items():
            formatting += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        self._java("kafka.tools.StorageTool", *formatting, "--config", self._configuration).wait()

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = self._java("kafka.Kafka", self._configuration)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Kafka did not start:\n{self._log.read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End in order: what is written is on disk, clients are told."""
        if self._process is not None:
            self.thaw()
            self._process.terminate()
            self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End at once, as a machine that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop, and start with the same data on the same ports."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stand still with every connection open, as a machine that hangs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic, wait until it is there, and return its name."""
        topic = NewTopic(name, partitions, replication_factor=1, config=dict(config or {}))
        self._admin.create_topics([topic])[name].result(PATIENCE_S)
        self._wait_for(name, partitions)
        return name

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions, and wait until they are there."""
        self._admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(PATIENCE_S)
        self._wait_for(topic, partitions)

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wait until it is gone."""
        self._admin.delete_topics([name])[name].result(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while name in self._admin.list_topics(timeout=PATIENCE_S).topics:
            if time.monotonic() > deadline:
                raise RuntimeError(f"topic {name} was deleted and is still there")
            time.sleep(0.01)

    def configure(self, topic: str, **config: str) -> None:
        """Change the configuration of a topic; names with underscores for dots."""
        changes = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes)
        self._admin.incremental_alter_configs([resource])[resource].result(PATIENCE_S)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records of a partition before an offset."""
        place = TopicPartition(topic, partition, before)
        self._admin.delete_records([place])[place].result(PATIENCE_S)

    def shares(self, group: str) -> list[set[tuple[str, int]]]:
        """The partitions that each member of a consumer group has, as (topic, number).

        None while the group does not exist, or while its coordinator is not ready to tell.
        """
        future = self._admin.describe_consumer_groups([group])[group]
        try:
            members = future.result(PATIENCE_S).members
        except KafkaException as error:
            if error.args[0].code() in NO_GROUP_YET:
                return []
            raise
        return [
            {(part.topic, part.partition) for part in member.assignment.topic_partitions}
            for member in members
        ]

    def lag(self, group: str, topic: str) -> int:
        """How many records of a topic lie behind what a consumer group has committed."""
        lag = 0
        with self._group(group) as consumer:
            for place in self._committed(consumer, topic):
                start, end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)
                lag += end - (start if place.offset < 0 else place.offset)
        return lag

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The offsets that a consumer group has committed, by partition."""
        with self._group(group) as consumer:
            places = self._committed(consumer, topic)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    @contextmanager
    def _group(self, group: str) -> Iterator[Consumer]:
        """What may ask about a group, and is no member of it."""
        servers = self.bootstrap_servers
        consumer = Consumer({"bootstrap.servers": servers, "group.id": group, "log_level": 0})
        try:
            yield consumer
        finally:
            consumer.close()

    def _committed(self, consumer: Consumer, topic: str) -> list[TopicPartition]:
        numbers = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in numbers]
        return consumer.committed(places, timeout=PATIENCE_S)

    def _wait_for(self, topic: str, partitions: int) -> None:
        # The controller has them; a moment later the broker knows of them too.
        deadline = time.monotonic() + PATIENCE_S
        while self._partitions(topic) < partitions:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{topic} was given {partitions} partitions that do not appear")
            time.sleep(0.01)

    def _partitions(self, topic: str) -> int:
        return len(self._admin.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions)

    def _answers(self) -> bool:
        try:
            return bool(self._admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _java(self, main: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        # A small heap and the quick compiler: the server is up in seconds and lives for minutes.
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *self._java_options]
        options += ["-cp", self._classpath]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                ["java", *options, main, *map(str, arguments)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below those that systems give to outgoing connections.

    Of those one could be taken while the server is down.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("there are no free ports between 20000 and 32000")

"""A Kafka broker inside the process: librdkafka's mock cluster, real TCP, no Java, no Docker.

It serves first runs and tests, and a test can break it. What it cannot do, and Apache Kafka can:
a second member in a consumer group, the admin API, more than about 5 MB a partition. It creates
a topic that a client asks for, with 4 partitions, whatever the client wanted; and when a member
has left or died, its group takes no other before the session timeout, less a second.
"""

import ctypes
import re
import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Self

from .librdkafka import PRODUCER, TOPIC_ALREADY_EXISTS, EmbeddedBrokerError, load

DISCONNECT: Final = -195
"""An error for `push_errors` that is none of Kafka's: the broker drops the connection instead."""

_TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249}")  # Kafka's own rule
_MAX_BROKERS: Final = 100
_MAX_PARTITIONS: Final = 100_000  # what librdkafka reads of one topic
_MAX_ROUND_TRIP_TIME: Final = 3600.0
_BREATH_S: Final = 0.0005


class ApiKey(IntEnum):
    """The requests that can be made to fail, by their numbers in Kafka's protocol."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


class EmbeddedBroker:
    """Brokers 1 to `brokers` on free ports of the loopback interface, until `stop`.

    `topics` maps the topics to create to their numbers of partitions. Nothing is kept on disk;
    a broker that is started again is new and empty. Its methods may be called from any thread
    and take effect before they return. Each raises `EmbeddedBrokerError` when it is asked for
    something that cannot be.
    """

    def __init__(self, topics: Mapping[str, int] | None = None, *, brokers: int = 1) -> None:
        if not 1 <= brokers <= _MAX_BROKERS:
            raise EmbeddedBrokerError(f"1 to {_MAX_BROKERS} brokers can run, not {brokers}")
        self._topics = dict(topics or {})
        self._brokers = brokers
        for name, partitions in self._topics.items():
            _check_topic(name, partitions)
        # The client handle that carries the cluster, and the cluster; None while stopped.
        self._handles: tuple[int, int] | None = None
        self._deleted: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Start the brokers and create the topics."""
        if self._handles is not None:
            raise EmbeddedBrokerError("the embedded broker is running already")
        library = load()
        configuration = library.rd_kafka_conf_new()
        # The library writes to stderr unless it has no callback for its log.
        library.rd_kafka_conf_set_log_cb(configuration, None)
        reason = ctypes.create_string_buffer(512)
        client = library.rd_kafka_new(PRODUCER, configuration, reason, len(reason))
        if not client:
            library.rd_kafka_conf_destroy(configuration)
            raise EmbeddedBrokerError(f"librdkafka does not start: {reason.value.decode()}")
        cluster = library.rd_kafka_mock_cluster_new(client, self._brokers)
        if not cluster:
            library.rd_kafka_destroy(client)
            raise EmbeddedBrokerError(f"{self._brokers} brokers cannot listen on free ports")
        self._handles = client, cluster
        self._deleted.clear()
        # Kafka waits 3 s for more members before a new group's first assignment.
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
        for name, partitions in self._topics.items():
            # A call that comes on the heels of another is now and then noticed a second later.
            time.sleep(_BREATH_S)
            self.create_topic(name, partitions)

    def stop(self) -> None:
        """Close every connection and free the ports; without effect on a stopped broker."""
        if self._handles is not None:
            (client, cluster), self._handles = self._handles, None
            load().rd_kafka_mock_cluster_destroy(cluster)
            load().rd_kafka_destroy(client)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all brokers, as `host:port,host:port`."""
        addresses: bytes = load().rd_kafka_mock_cluster_bootstraps(self._cluster)
        return addresses.decode()

    @property
    def broker_ids(self) -> range:
        """The numbers of the brokers, from 1."""
        return range(1, self._brokers + 1)

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic that does not exist yet, with a replica on up to three brokers."""
        _check_topic(name, partitions)
        replicas = min(3, self._brokers)
        code = load().rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, replicas)
        if code == TOPIC_ALREADY_EXISTS:
            raise EmbeddedBrokerError(
                f"topic {name} exists already: it was created before, or a client asked for it"
            )
        _check_code(code, f"create topic {name}")

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records of a partition that are older than `before_offset`, as retention does.

        `before_offset` is at most the partition's end. Deleting what is deleted has no effect.
        """
        _check_topic(topic)
        if not (0 <= partition < _MAX_PARTITIONS and 0 <= before_offset < 2**63):
            raise EmbeddedBrokerError(
                f"partition {partition} or offset {before_offset} of topic {topic} cannot be"
            )
        # The library would move the start of the log back.
        if before_offset > self._deleted.get((topic, partition), 0):
            code = load().rd_kafka_mock_partition_delete_records(
                self._cluster, topic.encode(), partition, before_offset
            )
            what = f"delete records of topic {topic}, partition {partition}"
            _check_code(code, f"{what}, before offset {before_offset}")
            self._deleted[topic, partition] = before_offset

    def set_down(self, broker: int) -> None:
        """Close a broker's connections and refuse new ones; no other takes its partitions over."""
        _check_code(
            load().rd_kafka_mock_broker_set_down(self._cluster, self._id(broker)),
            f"take broker {broker} down",
        )

    def set_up(self, broker: int) -> None:
        """Take connections again, on the same port, with the records as they were."""
        _check_code(
            load().rd_kafka_mock_broker_set_up(self._cluster, self._id(broker)),
            f"bring broker {broker} up",
        )

    def set_round_trip_time(self, broker: int, seconds: float) -> None:
        """Answer every request to a broker only after this time, to the millisecond."""
        if not 0 <= seconds <= _MAX_ROUND_TRIP_TIME:
            raise EmbeddedBrokerError(
                f"a round trip takes 0 to {_MAX_ROUND_TRIP_TIME:g} s, not {seconds}"
            )
        _check_code(
            load().rd_kafka_mock_broker_set_rtt(
                self._cluster, self._id(broker), round(seconds * 1000)
            ),
            f"set the round-trip time of broker {broker}",
        )

    def push_errors(self, api_key: ApiKey, *errors: int, broker: int | None = None) -> None:
        """Answer the next requests of a kind with these errors, one a request, in this order.

        `errors` are Kafka's error codes, 0 for a request that succeeds, or `DISCONNECT`. With
        `broker` only requests to that broker count, and its errors come before those of all.
        """
        if unknown := [code for code in errors if not -1 <= code < 2**15 and code != DISCONNECT]:
            raise EmbeddedBrokerError(f"{unknown[0]} is no error code of Kafka's")
        key = ApiKey(api_key)
        if broker is None:
            array = (ctypes.c_int * len(errors))(*errors)
            load().rd_kafka_mock_push_request_errors_array(self._cluster, key, len(errors), array)
            return
        pairs = [ctypes.c_int(value) for code in errors for value in (code, 0)]
        _check_code(
            load().rd_kafka_mock_broker_push_request_error_rtts(
                self._cluster, self._id(broker), key, len(errors), *pairs
            ),
            f"push errors to broker {broker}",
        )

    @property
    def _cluster(self) -> int:
        if self._handles is None:
            raise EmbeddedBrokerError(
                "the embedded broker is not running: use it inside its `with`, or call start()"
            )
        return self._handles[1]

    def _id(self, broker: int) -> int:
        if broker not in self.broker_ids:
            raise EmbeddedBrokerError(
                f"there is no broker {broker}: they are numbered 1 to {self._brokers}"
            )
        return broker


def _check_topic(name: str, partitions: int = 1) -> None:
    if not _TOPIC_NAME.fullmatch(name):
        raise EmbeddedBrokerError(
            f"{name!r} is no name of a topic: 1 to 249 letters, digits, '.', '_' and '-', "
            "but not '.' or '..'"
        )
    if not 1 <= partitions <= _MAX_PARTITIONS:
        raise EmbeddedBrokerError(
            f"topic {name} can have 1 to {_MAX_PARTITIONS:,} partitions, not {partitions:,}"
        )


def _check_code(code: int, action: str) -> None:
    if code:
        reason: bytes = load().rd_kafka_err2str(code)
        raise EmbeddedBrokerError(f"cannot {action}: {reason.decode()}")

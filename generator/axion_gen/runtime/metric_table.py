"""The metrics of a bus: what they are called, what they mean, and where they are read."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from .assignments import Assignment
from .bus import Bus
from .consumer import Consumer
from .open_letters import OpenLetters
from .statistics import Statistics, TopicStatistics
from .stores import RelayNumbers

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Values, each behind those of its labels; none where it is not known."""


class Shown(NamedTuple):
    """A metric: how it is called, what it means, where it is read."""

    name: str
    kind: type[CounterMetricFamily | GaugeMetricFamily]
    labels: tuple[str, ...]
    help: str
    read: Callable[[Bus[Any, Any]], Samples]


# Where values are read. Dictionaries are copied: others may be writing to them.


def _topics(
    name: str,
    help: str,  # noqa: A002 - the word of Prometheus
    read: Callable[[TopicStatistics], float],
    kind: type[CounterMetricFamily | GaugeMetricFamily] = CounterMetricFamily,
) -> Shown:
    def samples(bus: Bus[Any, Any]) -> Samples:
        for topic, statistics in [*bus.statistics.topics.items()]:
            yield (topic,), read(statistics)

    return Shown(name, kind, ("topic",), help, samples)


def _total(name: str, help: str, read: Callable[[Statistics], float]) -> Shown:  # noqa: A002
    return Shown(name, CounterMetricFamily, (), help, lambda bus: [((), read(bus.statistics))])


def _partitions(
    name: str,
    help: str,  # noqa: A002 - the word of Prometheus
    read: Callable[[Consumer, Assignment], float | None],
) -> Shown:
    def samples(bus: Bus[Any, Any]) -> Samples:
        consumer = bus.consumer
        if consumer is not None and bus.state != "stopped":
            for (topic, number), assignment in [*consumer.assignments.items()]:
                yield (topic, str(number)), read(consumer, assignment)

    return Shown(name, GaugeMetricFamily, ("topic", "partition"), help, samples)


def _now(name: str, help: str, read: Callable[[Bus[Any, Any]], float | None]) -> Shown:  # noqa: A002
    return Shown(name, GaugeMetricFamily, (), help, lambda bus: [((), read(bus))])


def _letters(name: str, help: str, read: Callable[[OpenLetters], float | None]) -> Shown:  # noqa: A002
    return _now(name, help, lambda bus: None if (all_ := bus.open_letters) is None else read(all_))


def _outbox(
    name: str,
    help: str,  # noqa: A002 - the word of Prometheus
    read: Callable[[RelayNumbers], float],
    kind: type[CounterMetricFamily | GaugeMetricFamily] = GaugeMetricFamily,
) -> Shown:
    def samples(bus: Bus[Any, Any]) -> Samples:
        relay = bus.relay
        if relay is not None:
            yield (), read(relay)

    return Shown(name, kind, (), help, samples)


def _age(since_ms: float | None) -> float:
    """For how long something has been so, in seconds; clocks differ, so never less than 0."""
    return 0.0 if since_ms is None else max(0.0, time.time() - since_ms / 1000)


def _oldest(letters: OpenLetters) -> float | None:
    return None if letters.depth is None else _age(letters.oldest)


def _lag_seconds(_: Consumer, assignment: Assignment) -> float | None:
    oldest = assignment.tracker.oldest
    if oldest is None:
        return 0.0
    return _age(oldest.timestamp) if oldest.timestamp >= 0 else None


SHOWN: Final = (
    _topics(
        "axion_messages_received_total",
        "Records taken from Kafka, those that came again included.",
        lambda topic: topic.received,
    ),
    _topics(
        "axion_messages_handled_total",
        "Messages whose handler returned.",
        lambda topic: topic.handled,
    ),
    _topics(
        "axion_messages_dead_lettered_total",
        "Messages that went to the dead letter topic, acknowledged.",
        lambda topic: topic.dead_lettered,
    ),
    _topics(
        "axion_messages_duplicate_total",
        "Messages that were processed before, and so not handled again.",
        lambda topic: topic.duplicates,
    ),
    _topics(
        "axion_messages_skipped_total",
        "Messages not for this service, or of a type its contract does not know.",
        lambda topic: topic.skipped,
    ),
    _topics(
        "axion_messages_dropped_total",
        "Records taken but not begun when their partition went to another instance, which reads"
        " them.",
        lambda topic: topic.dropped,
    ),
    _topics(
        "axion_handler_failures_total",
        "Attempts that raised or ran out of time; a message that is refused as invalid is one.",
        lambda topic: topic.failed,
    ),
    _topics(
        "axion_handler_retries_total",
        "Attempts that followed a failed one.",
        lambda topic: topic.retried,
    ),
    _topics(
        "axion_position_jumps_total",
        "Times that records were deleted before they were read, or their topic was made again.",
        lambda topic: topic.jumps,
    ),
    _partitions(
        "axion_messages_in_flight",
        "Records taken and not finished, or behind one that is not.",
        lambda _, assignment: assignment.tracker.in_flight,
    ),
    _partitions(
        "axion_consumer_lag_records",
        "Offsets from the first record that is not finished to the end of the partition, as of"
        " the last fetch.",
        lambda consumer, assignment: consumer.lag(assignment),
    ),
    _partitions(
        "axion_consumer_lag_seconds",
        "Age of the oldest record that is taken and not finished; 0 where there is none.",
        _lag_seconds,
    ),
    _partitions(
        "axion_partition_halted",
        "1 while the partition stands still at a record that cannot be read.",
        lambda consumer, assignment: assignment.partition in consumer.halted,
    ),
    _topics(
        "axion_messages_stuck",
        "Records that wait for the store, or for their dead letter or mark to be written.",
        lambda topic: sum([*topic.stuck.values()]),
        GaugeMetricFamily,
    ),
    _now(
        "axion_messages_held",
        "Messages that wait for the end of an outage; while there are any, none is taken.",
        lambda bus: bus.held.count,
    ),
    _now(
        "axion_messages_held_seconds",
        "For how long messages have been held; 0 while none is.",
        lambda bus: 0.0 if (since := bus.held.since) is None else _age(1000 * since),
    ),
    _letters(
        "axion_dead_letters_open",
        "Depth of the service's dead letter queue: letters without an answer. The same in every"
        " instance.",
        lambda letters: letters.depth,
    ),
    _letters(
        "axion_dead_letters_oldest_seconds",
        "Age of the oldest open dead letter; 0 where there is none.",
        _oldest,
    ),
    _total(
        "axion_messages_emitted_total",
        "Records that Kafka has acknowledged, dead letters aside.",
        lambda bus: bus.emitted,
    ),
    _total(
        "axion_emit_failures_total",
        "Records that Kafka refused, or did not acknowledge in time.",
        lambda bus: bus.failed_emits,
    ),
    _outbox(
        "axion_outbox_sent_total",
        "Rows of the outbox that this instance has sent.",
        lambda relay: relay.sent,
        CounterMetricFamily,
    ),
    _outbox(
        "axion_outbox_pending",
        "Rows of the outbox that are to be sent. The same in every instance.",
        lambda relay: relay.pending,
    ),
    _outbox(
        "axion_outbox_parked",
        "Rows of the outbox that cannot be sent, and wait for a person. The same in every"
        " instance.",
        lambda relay: relay.parked,
    ),
    _outbox(
        "axion_outbox_oldest_seconds",
        "Age of the oldest row of the outbox that is to be sent; 0 where there is none.",
        lambda relay: relay.oldest_age_s,
    ),
    _outbox(
        "axion_outbox_leader",
        "1 in the instance that sends the outbox.",
        lambda relay: relay.leader,
    ),
    _total(
        "axion_commits_total",
        "Commits of offsets that Kafka has taken.",
        lambda bus: bus.commits,
    ),
    _total(
        "axion_commit_failures_total",
        "Commits of offsets that failed; they are tried again.",
        lambda bus: bus.failed_commits,
    ),
    _total(
        "axion_rebalances_total",
        "Assignments that the group has given this instance.",
        lambda bus: bus.rebalances,
    ),
    _total(
        "axion_consumer_rebuilds_total",
        "Consumers replaced because they would not have recovered.",
        lambda bus: bus.rebuilds,
    ),
    _now(
        "axion_alive",
        "1 while the bus works; 0 when only a restart helps.",
        lambda bus: bus.health.alive,
    ),
    _now(
        "axion_ready",
        "1 while the bus runs and its group is joined.",
        lambda bus: bus.health.ready,
    ),
)
"""All but the durations of handlers and `axion_build_info`."""

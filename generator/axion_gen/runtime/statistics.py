"""What the bus counts of itself: plain numbers, cheap enough for each message.

`metrics.py` shows them to Prometheus; nothing is computed until somebody asks.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10, 60)
"""Upper bounds of the durations that are told apart, in seconds."""


_SHORT: Final = BUCKETS[0]


class Durations:
    """How long something took: a histogram."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        """How many there are up to each bound and above the one before; the last: above all."""
        self.total = 0.0
        """Their sum, in seconds."""

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds) if seconds > _SHORT else 0] += 1
        self.total += seconds


@dataclass(slots=True)
class TopicStatistics:
    """What became of one topic's records."""

    received: int = 0
    """Taken from Kafka."""
    handled: int = 0
    """Handler returned."""
    failed: int = 0
    """Attempts that raised or ran too long."""
    retried: int = 0
    """Attempts that followed a failed one."""
    dead_lettered: int = 0
    """Acknowledged by the dead letter topic."""
    duplicates: int = 0
    """Processed before, so not handled."""
    skipped: int = 0
    """Not for this service, or of a type the contract does not know."""
    dropped: int = 0
    """Taken but not begun when their partition was revoked: their next owner reads them."""
    stuck: dict[str, int] = field(default_factory=dict)
    """What cannot be done at present and is tried again and again, and of how many records."""
    told: dict[str, float] = field(default_factory=dict)
    """When the log has told of what is so for many records at once, by the event loop's clock."""
    unknown_types: set[str] = field(default_factory=set)
    """Of what was skipped, the types that the log has told of."""
    jumps: int = 0
    """Positions that Kafka no longer had: log deleted or truncated."""
    durations: Durations = field(default_factory=Durations)
    """Of attempts."""


@dataclass(slots=True)
class Statistics:
    """What became of the service's records, and of its place in the group."""

    topics: dict[str, TopicStatistics] = field(default_factory=dict)
    """By the topic's name on Kafka, with the parameters of its address in braces."""
    commits: int = 0
    failed_commits: int = 0
    rebalances: int = 0
    """Assignments received."""
    rebuilds: int = 0
    """Consumers replaced because they would not have recovered."""
    emitted: int = 0
    """Records acknowledged by Kafka, dead letters aside."""
    failed_emits: int = 0

    def topic(self, name: str) -> TopicStatistics:
        """The numbers of one topic."""
        return self.topics.setdefault(name, TopicStatistics())

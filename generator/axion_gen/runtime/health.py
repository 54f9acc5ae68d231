"""Whether a service lives, and whether it may be given work."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .bus import Bus

DEAD_S: Final = 60.0
"""A poll task that has not gone round for so long, and for longer than it may, never will."""


@dataclass(frozen=True, slots=True)
class Health:
    """What probes ask for."""

    alive: bool
    """The poll task goes round. An outage of brokers or of a database changes nothing here:
    a restart would not end it."""
    ready: bool
    """The bus runs and the group is joined; with no partition too, and however far behind."""
    reasons: tuple[str, ...]
    """Why not, and what is held up, for people."""


def examine(bus: "Bus[Any, Any]") -> Health:
    """How a bus is. While it starts, or drains, it is alive: both end in time by themselves."""
    reasons: list[str] = []
    alive, ready = True, bus.state == "running"
    if not ready:
        reasons.append(
            "the bus is stopping" if bus.state == "stopping" else "the bus is not running"
        )
    consumer = bus.consumer
    if consumer is not None and ready:
        silent = time.monotonic() - consumer.moved_at
        if silent > max(DEAD_S, consumer.longest_turn_s):
            alive = False
            reasons.append(f"nothing was taken or looked for in {silent:.0f} s")
        if not consumer.joined:
            ready = False
            reasons.append("the consumer group is not joined")
        if consumer.trouble:
            reasons.append(consumer.trouble)
        reasons += [
            f"{topic}[{number}] stands still: {reason}"
            for (topic, number), reason in consumer.halted.items()
        ]
    for topic, statistics in [*bus.statistics.topics.items()]:
        reasons += [
            f"{topic}: {count} records {what}, and it is tried again and again"
            for what, count in [*statistics.stuck.items()]
            if count
        ]
    since = bus.held.since
    if since is not None:
        seconds = time.time() - since
        reasons.append(f"{bus.held.count} held for {seconds:.0f} s: a dependency is away")
    if bus.relay is not None and bus.relay.parked:
        reasons.append(f"{bus.relay.parked} rows of the outbox are parked: they wait for a person")
    return Health(alive, ready, tuple(reasons))

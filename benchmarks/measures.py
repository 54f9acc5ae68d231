"""All measures, in the order in which they run."""

from collections.abc import Callable
from dataclasses import dataclass

from . import consume, emit, generate, instances, latency, memory, sql, waiting
from .report import Result
from .rounds import Stage

BROKERS = ("embedded", "kafka")


@dataclass(frozen=True)
class Measure:
    """A measure, and where it can be taken."""

    take: Callable[[Stage], list[Result]]
    brokers: tuple[str, ...] = BROKERS


MEASURES = {
    "consume": Measure(consume.measure),
    "waiting": Measure(waiting.measure),
    "emit": Measure(emit.measure),
    # The database sets the pace, and not the broker.
    "sql": Measure(sql.measure, brokers=("embedded",)),
    # It needs no broker, and so is measured once.
    "generate": Measure(generate.measure, brokers=("embedded",)),
    # The embedded broker answers a fetch that waits only when its time is up.
    "latency": Measure(latency.measure, brokers=("kafka",)),
    # It takes no second member of a group.
    "instances": Measure(instances.measure, brokers=("kafka",)),
    # It keeps some 5 MB of a partition.
    "memory": Measure(memory.measure, brokers=("kafka",)),
}

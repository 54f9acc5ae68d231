"""What Prometheus is shown of a bus.

    REGISTRY.register(BusCollector(bus, blueprint="crud-service"))
    app.mount("/metrics", make_asgi_app(REGISTRY))

Both names are of `prometheus_client`. Nothing is computed before somebody scrapes, from
whatever thread. Labels are topics, partitions and versions: there are few of them, and none
of them tells of a message or a person.
"""

import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .bus import Bus
from .metric_table import SHOWN
from .statistics import BUCKETS, TopicStatistics


class BusCollector(Collector):
    """Reads a bus whenever its registry is scraped; a registry takes one bus.

    `blueprint` says in `axion_build_info` what the service was made from.
    """

    def __init__(self, bus: Bus[Any, Any], *, blueprint: str = "") -> None:
        self._bus = bus
        self._build = (_generator(), blueprint, bus.contract.version)

    def describe(self) -> Iterator[Metric]:
        """Every metric, without values: a registry asks so that no name is there twice."""
        for shown in SHOWN:
            yield shown.kind(shown.name, shown.help, labels=shown.labels)
        yield _durations({})
        yield _build_info()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its values of this moment."""
        for shown in SHOWN:
            family = shown.kind(shown.name, shown.help, labels=shown.labels)
            for labels, value in shown.read(self._bus):
                if value is not None:
                    family.add_metric(labels, value)
            yield family
        yield _durations(self._bus.statistics.topics)
        build_info = _build_info()
        build_info.add_metric(self._build, 1)
        yield build_info


def _durations(topics: dict[str, TopicStatistics]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(
        "axion_handler_duration_seconds",
        "How long attempts to handle a message took, failed ones included.",
        labels=("topic",),
    )
    bounds = [*map(str, map(float, BUCKETS)), "+Inf"]
    for topic, statistics in [*topics.items()]:
        durations = statistics.durations
        buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
        family.add_metric((topic,), buckets, durations.total)
    return family


def _build_info() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "axion_build_info",
        "Always 1: which axion-gen made the runtime, which blueprint the service, and the"
        " version of its contract.",
        labels=("runtime", "blueprint", "contract"),
    )


def _generator() -> str:
    """The version of axion-gen that `axion.lock` names; nothing where there is no lock."""
    try:
        lock = json.loads((Path(__file__).parents[1] / "axion.lock").read_bytes())
        return str(lock["generator"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""

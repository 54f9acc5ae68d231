"""Memory at a backlog of 1,000,000 records: bounded, whatever the length of the topic."""

from itertools import cycle, islice
from pathlib import Path
from statistics import fmean

from . import backlog
from .contract import ORDERS
from .records import orders, produce, record
from .report import Result, limited
from .rounds import Contender, Stage

COUNT = 1_000_000
DISTINCT = 10_000
WARM = 300_000 // backlog.EVERY
"""By then the idempotency store has as many marks as it keeps."""
SPAN = 100_000 // backlog.EVERY
"""So many samples are averaged, after the warm-up and at the end."""
LIMIT_MB = 120
GROWTH = 1.15
"""One larger answer to a fetch moves it by some MB; 25 bytes left by each message would by 17."""


def measure(stage: Stage) -> list[Result]:
    """The peak, and how much more there is at the end than after the warm-up."""
    if not Path("/proc/self/status").exists():
        stage.notes.append("memory is not measured: this system has no /proc to tell it")
        return []
    made = [record(order) for order in orders(DISTINCT)]
    produce(stage.servers, stage.prefix + ORDERS.address, islice(cycle(made), COUNT))
    at = {"servers": stage.servers, "prefix": stage.prefix, "count": COUNT}
    taken = stage.run(
        Contender("axion", backlog.axion, at), Contender("bare loop", backlog.bare, at), rounds=1
    )
    peaks = {name: [peak for _, peak in rounds] for name, rounds in taken.items()}
    growths = {name: [_growth(samples) for samples, _ in rounds] for name, rounds in taken.items()}
    name = f"memory, backlog of {COUNT:,}"
    return [
        limited(f"{name}, peak", "MB", peaks, "axion", "bare loop", at_most=LIMIT_MB),
        limited(f"{name}, end to warm", "×", growths, "axion", "bare loop", at_most=GROWTH),
    ]


def _growth(samples: list[float]) -> float:
    return fmean(samples[-SPAN:]) / fmean(samples[WARM : WARM + SPAN])

"""Results: medians, spreads, a table for people and a file for programs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One figure beside its peer's."""

    name: str
    value: float
    """The median of the rounds."""
    unit: str
    peer: str
    peer_value: float
    ratio: float
    """Ours to the peer's: the median of what the rounds gave, each compared with itself."""
    spread: tuple[float, float]
    """The lowest and the highest value of the rounds."""
    ratio_spread: tuple[float, float]
    rounds: int
    target: str
    met: bool | None
    """None without a target."""
    broker: str = ""

    def on(self, broker: str) -> "Result":
        """The same, with the broker it was measured on."""
        return replace(self, broker=broker)


def compare(
    name: str,
    unit: str,
    values: Mapping[str, list[float]],
    ours: str,
    peer: str,
    *,
    at_least: float | None = None,
) -> Result:
    """Ours against a peer, more is better; without a target it is there to be seen."""
    ratios = [mine / theirs for mine, theirs in zip(values[ours], values[peer], strict=True)]
    return Result(
        name=name,
        value=round(median(values[ours]), 3),
        unit=unit,
        peer=peer,
        peer_value=round(median(values[peer]), 3),
        ratio=round(median(ratios), 3),
        spread=_spread(values[ours]),
        ratio_spread=_spread(ratios),
        rounds=len(ratios),
        target="" if at_least is None else f"≥ {at_least:.2f}×",
        met=None if at_least is None else median(ratios) >= at_least,
    )


def added(
    name: str,
    unit: str,
    values: Mapping[str, list[float]],
    ours: str,
    peer: str,
    *,
    at_most: float,
) -> Result:
    """What we add to a peer's figure, less is better."""
    added_to = [mine - theirs for mine, theirs in zip(values[ours], values[peer], strict=True)]
    return replace(
        compare(name, unit, values, ours, peer),
        target=f"≤ +{at_most:g} {unit}",
        met=median(added_to) <= at_most,
    )


def limited(
    name: str,
    unit: str,
    values: Mapping[str, list[float]],
    ours: str,
    peer: str,
    *,
    at_most: float,
) -> Result:
    """Our own figure under a limit; the peer's is there to be seen."""
    return replace(
        compare(name, unit, values, ours, peer),
        target=f"≤ {at_most:g} {unit}",
        met=median(values[ours]) <= at_most,
    )


def within(
    name: str,
    unit: str,
    values: Mapping[str, list[float]],
    ours: str,
    peer: str,
    *,
    at_most: float,
) -> Result:
    """Ours against a peer, less is better."""
    result = compare(name, unit, values, ours, peer)
    return replace(result, target=f"≤ {at_most:.2f}×", met=result.ratio <= at_most)


def table(results: Iterable[Result], console: Console) -> None:
    """Print the results, aligned; in colour where the console is a terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (
        ("measure", "left"),
        ("on", "left"),
        ("Axion", "right"),
        ("spread", "right"),
        ("unit", "left"),
        ("peer", "left"),
        ("peer's", "right"),
        ("ratio", "right"),
        ("spread", "right"),
        ("target", "right"),
        ("", "left"),
    ):
        shown.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for result in results:
        shown.add_row(
            result.name,
            result.broker,
            _number(result.value),
            _range(result.spread),
            result.unit,
            result.peer,
            _number(result.peer_value),
            f"{result.ratio:.2f}",
            _range(result.ratio_spread),
            result.target,
            {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[result.met],
        )
    console.print(shown)


def save(results: Iterable[Result], path: Path) -> None:
    """Write the results as JSON, one a line."""
    lines = [json.dumps(asdict(result)) for result in results]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _spread(values: list[float]) -> tuple[float, float]:
    return round(min(values), 3), round(max(values), 3)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _range(spread: tuple[float, float]) -> str:
    return f"{_number(spread[0])}–{_number(spread[1])}"

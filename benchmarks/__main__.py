"""The command: `python -m benchmarks [MEASURE ...]`; `make bench` runs it."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from . import report
from .brokers import Broker, Unavailable, running, topics_of
from .measures import BROKERS, MEASURES
from .report import Result
from .rounds import Stage

RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Measure, print, write; 0 if every target was met, 1 if one was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the runtime and the generator beside their peers."
        " Exit code 0: every target is met.",
    )
    parser.add_argument(
        "measures", nargs="*", metavar="MEASURE", help=f"all unless given: {', '.join(MEASURES)}"
    )
    parser.add_argument("--brokers", choices=BROKERS, help="only these; both unless given")
    parser.add_argument("--rounds", type=int, default=5, help="how many; 5 unless given")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to write")
    options = parser.parse_args()
    if unknown := sorted(set(options.measures) - set(MEASURES)):
        parser.error(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    chosen = [name for name in MEASURES if name in options.measures or not options.measures]
    results: list[Result] = []
    notes: list[str] = []
    for broker_name in [options.brokers] if options.brokers else BROKERS:
        here = [name for name in chosen if broker_name in MEASURES[name].brokers]
        if not here:
            continue
        try:
            with running(broker_name) as broker:
                for name in here:
                    results += take(name, broker, options.rounds, notes)
        except Unavailable as missing:
            notes.append(f"nothing measured on {broker_name}: {missing}")
    say("")
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    report.table(results, console)
    report.save(results, options.results)
    for note in notes:
        console.print(note, markup=False, style="yellow")
    judged = [result.met for result in results if result.met is not None]
    missed = judged.count(False)
    console.print(f"{missed} of {len(judged)} targets missed" if missed else "every target is met")
    return 1 if missed or not judged else 0


def take(name: str, broker: Broker, rounds: int, notes: list[str]) -> list[Result]:
    """One measure on one broker, with topics of its own."""
    label, prefix = f"{name} on {broker.name}", f"{name}-"
    say(f"{label}: preparing")
    broker.create(topics_of(prefix))
    stage = Stage(broker, prefix, rounds, lambda text: say(f"{label}, {text}"), notes)
    return [result.on(broker.name) for result in MEASURES[name].take(stage)]


def say(text: str) -> None:
    """Tell how far it is: on stderr, one line that is overwritten on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted: nothing is written\n")
        sys.exit(130)

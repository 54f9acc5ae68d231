"""Rounds: the contenders one after the other, each in a fresh process, and again."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .brokers import Broker

PATIENCE_S = 120.0
ValueT = TypeVar("ValueT", bound=float | list[float])


@dataclass(frozen=True)
class Contender:
    """A coroutine function of a module, and what it is called with."""

    name: str
    function: Callable[..., Awaitable[Any]]
    arguments: Mapping[str, object]

    def run(self) -> Any:
        """Call it in a process of its own; what it returns.

        Raises:
            RuntimeError: the process failed or took too long; the text has its errors.
        """
        place = f"{self.function.__module__}:{self.function.__name__}"
        command = [sys.executable, "-m", "benchmarks.contender", place, json.dumps(self.arguments)]
        with tempfile.TemporaryFile("w+") as errors:
            try:
                done = subprocess.run(
                    command,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    timeout=PATIENCE_S,
                    check=True,
                )
            except subprocess.SubprocessError as error:
                errors.seek(0)
                raise RuntimeError(f"{self.name}: {error}\n{errors.read()[-4000:]}") from None
        return json.loads(done.stdout.rstrip().rpartition("\n")[2])


@dataclass
class Stage:
    """What a measure is given: a broker with its topics, and how often to run."""

    broker: Broker
    prefix: str
    """Goes before the names of its topics."""
    rounds: int
    say: Callable[[str], None]
    """Tells who waits how far it is."""
    notes: list[str]
    """What is to be told with the results: above all what could not be measured."""

    @property
    def servers(self) -> str:
        """Where the broker is."""
        return self.broker.servers

    def run(self, *contenders: Contender, rounds: int | None = None) -> dict[str, list[Any]]:
        """Run all contenders in turn, so that drift hits all alike: what each returned."""
        returned: dict[str, list[Any]] = {contender.name: [] for contender in contenders}
        number = rounds or self.rounds
        for at in range(1, number + 1):
            for contender in contenders:
                self.say(f"round {at} of {number}: {contender.name} ...")
                value = contender.run()
                if isinstance(value, float):
                    self.say(f"round {at} of {number}: {contender.name} {value:,.0f}")
                returned[contender.name].append(value)
        return returned

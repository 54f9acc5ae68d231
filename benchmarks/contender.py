"""One run of one contender, in a process of its own: `python -m benchmarks.contender`.

It is given the function to call, as `module:name`, and its keyword arguments, as JSON, and
prints what the function returns, as JSON, on the last line of stdout.
"""

import asyncio
import gc
import importlib
import json
import logging
import sys
import time


class Clock:
    """Measures from the first message to the last; the same in every contender."""

    def __init__(self, count: int) -> None:
        self.done = asyncio.Event()
        self._count = count
        self._seen = 0
        self._first = self._last = 0.0

    def tick(self) -> None:
        """Note a message."""
        self._seen += 1
        if self._seen == 1:
            self._first = time.perf_counter()
        elif self._seen == self._count:
            self._last = time.perf_counter()
            self.done.set()

    @property
    def first(self) -> float:
        """When the first message came, by `time.perf_counter`."""
        return self._first

    @property
    def rate(self) -> float:
        """Messages a second."""
        return (self._count - 1) / (self._last - self._first)


def main(place: str, arguments: str) -> None:
    """Call the function and print what it returns."""
    logging.basicConfig(level=logging.WARNING)
    module, _, name = place.partition(":")
    function = getattr(importlib.import_module(module), name)
    gc.collect()
    sys.stdout.write("\n" + json.dumps(asyncio.run(function(**json.loads(arguments)))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

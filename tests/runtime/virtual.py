"""An event loop whose time passes only when there is nothing else to do: 30 s take no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class _Selector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise AssertionError("everybody waits, and nobody for time to pass")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what a test gives it; `time` is its own."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run something to its end."""
        return self.run_until_complete(work)

    def end(self) -> None:
        """Cancel what still runs, as the death of a process would, and close."""
        self.kill()
        self.close()

    def kill(self) -> None:
        """Cancel all tasks, and let none of them do anything but end."""
        while tasks := asyncio.all_tasks(self):
            for task in tasks:
                task.cancel()
            self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

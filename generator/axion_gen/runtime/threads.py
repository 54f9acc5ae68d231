"""Threads for synchronous handlers, which do not keep a process from its end.

Python waits at its exit for the threads of a `ThreadPoolExecutor`, however long they take. A
handler that outlives the drain is handled again elsewhere, so nobody needs to wait for it.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import ParamSpec, TypeVar

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")


class Threads(Executor):
    """So many threads at most, each made when it is needed first."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._idle = 0
        self._shut_down = False

    def submit(
        self,
        function: Callable[ParametersT, ResultT],
        /,
        *args: ParametersT.args,
        **kwargs: ParametersT.kwargs,
    ) -> "Future[ResultT]":
        """Call a function in one of the threads."""
        future: Future[ResultT] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # it belongs to who waits for it
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._shut_down:
                raise RuntimeError("the threads are shut down: the bus has stopped")
            self._calls.put(call)
            if self._idle:
                self._idle -= 1
            elif self._threads < self._limit:
                self._threads += 1
                name = f"{self._name}_{self._threads}"
                Thread(target=self._run, name=name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:
        """End the threads, each when what it does is done; nobody waits for that."""
        with self._lock:
            self._shut_down = True
            for _ in range(self._threads):
                self._calls.put(None)

    def _run(self) -> None:
        while call := self._calls.get():
            call()
            del call  # and with it the result
            with self._lock:
                self._idle += 1

"""Running a coroutine by hand up to its first wait, which most never reach."""

from collections.abc import Callable, Coroutine, Generator
from time import perf_counter
from types import coroutine
from typing import Any


@coroutine
def resume(
    begun: Coroutine[Any, Any, None],
    awaited: Any,
    watch: Callable[[float], None] | None = None,
) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun by `send(None)`, which gave `awaited`.

        try:
            awaited = begun.send(None)
        except StopIteration:
            return  # it is done, without a task, a timer or a future
        await resume(begun, awaited)

    `watch` is told how long each step kept the event loop, in seconds.
    """
    try:
        answer: Any = None
        while True:
            error: BaseException | None = None
            try:
                answer = yield awaited
            except BaseException as raised:  # a cancellation, above all
                error = raised
            before = perf_counter()
            try:
                awaited = begun.send(answer) if error is None else begun.throw(error)
            finally:
                if watch is not None:
                    watch(perf_counter() - before)
    except StopIteration:
        return
    finally:
        begun.close()

"""Running a coroutine by hand up to its first wait, which most never reach."""

from collections.abc import Callable, Coroutine, Generator
from time import perf_counter
from types import coroutine
from typing import Any, Final

DONE: Final = object()
"""What `next` gives for a coroutine that never waited."""


@coroutine
def resume(
    begun: Coroutine[Any, Any, None],
    awaited: Any,
    run: Callable[..., Any],
    watch: Callable[[float], None],
) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was begun, and gave `awaited`.

        run = copy_context().run
        awaited = run(next, begun.__await__(), DONE)  # raises no StopIteration, which is slow
        if awaited is DONE:
            return  # without a task, a timer or a future
        await resume(begun, awaited, run, watch)

    `run` makes each step, in a context of its own; `watch` is told how long the step kept
    the event loop, in seconds.
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
                awaited = run(begun.send, answer) if error is None else run(begun.throw, error)
            finally:
                watch(perf_counter() - before)
    except StopIteration:
        return
    finally:
        begun.close()

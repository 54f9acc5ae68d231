"""The threads of synchronous handlers: bounded, made when needed, and nobody waits for them."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from axion_gen.runtime.threads import Threads

PATIENCE_S = 20.0


def test_a_thread_is_made_only_where_none_is_free() -> None:
    threads = Threads(3, "test")
    names = [threads.submit(threading.current_thread).result(PATIENCE_S).name for _ in range(5)]
    # One that has just answered may not be free again yet.
    assert set(names) <= {"test_1", "test_2", "test_3"}
    assert all(thread.daemon for thread in threading.enumerate() if thread.name in names)
    threads.shutdown()


def test_so_many_run_at_once_and_the_others_wait_their_turn() -> None:
    threads = Threads(2, "bounded")
    free, both = threading.Event(), threading.Barrier(3)
    order: list[int] = []

    def first(number: int) -> None:
        both.wait(PATIENCE_S)
        free.wait(PATIENCE_S)
        order.append(number)

    running = [threads.submit(first, number) for number in range(2)]
    waiting = [threads.submit(order.append, number) for number in range(2, 6)]
    both.wait(PATIENCE_S)
    assert not any(future.done() for future in waiting)
    gone = waiting.pop()
    assert gone.cancel()
    free.set()
    for future in running + waiting:
        future.result(PATIENCE_S)
    assert sorted(order) == [0, 1, 2, 3, 4]
    threads.shutdown()


def test_what_is_raised_is_for_who_waits() -> None:
    threads = Threads(1, "raises")

    def fail() -> None:
        raise SystemExit(3)

    failed: Future[None] = threads.submit(fail)
    assert isinstance(failed.exception(PATIENCE_S), SystemExit)
    assert threads.submit(lambda: "and goes on").result(PATIENCE_S) == "and goes on"
    threads.shutdown()


async def test_they_end_when_they_are_shut_down() -> None:
    threads = Threads(1, "ends")
    thread = await asyncio.get_running_loop().run_in_executor(threads, threading.current_thread)
    threads.shutdown()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="shut down"):
        threads.submit(print)


def test_a_process_ends_while_one_is_busy() -> None:
    script = """
import threading
from axion_gen.runtime.threads import Threads
begun = threading.Event()
def busy():
    begun.set()
    threading.Event().wait()
Threads(1, "busy").submit(busy)
begun.wait()
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0

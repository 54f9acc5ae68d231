import asyncio
from collections.abc import Sequence

import pytest

from axion_gen.runtime.stores.batches import LARGEST, Batches
from tests.runtime.kafka import until


class Doubles:
    """Doubles numbers, slowly; keeps what went together, and what was undone."""

    def __init__(self) -> None:
        self.ran: list[list[int]] = []
        self.undone: list[int] = []
        self.free = asyncio.Event()

    async def run(self, numbers: Sequence[int]) -> list[int]:
        self.ran.append(list(numbers))
        await self.free.wait()
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]

    async def undo(self, numbers: Sequence[int]) -> None:
        self.undone += numbers


async def test_what_comes_while_one_runs_goes_together_next() -> None:
    doubles = Doubles()
    batches = Batches(doubles.run)
    first = asyncio.create_task(batches.call(1))
    await until(lambda: doubles.ran == [[1]], "the first batch runs")
    others = [asyncio.create_task(batches.call(number)) for number in range(2, 5)]
    await asyncio.sleep(0)
    doubles.free.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
    assert doubles.ran == [[1], [2, 3, 4]]


async def test_a_batch_is_bounded() -> None:
    doubles = Doubles()
    doubles.free.set()
    batches = Batches(doubles.run)
    await asyncio.gather(*map(batches.call, range(100, 100 + 2 * LARGEST + 1)))
    assert [len(batch) for batch in doubles.ran] == [LARGEST, LARGEST, 1]


async def test_an_error_is_that_of_each_call_and_the_next_batch_goes_on() -> None:
    doubles = Doubles()
    doubles.free.set()
    batches = Batches(doubles.run)
    found = await asyncio.gather(batches.call(12), batches.call(13), return_exceptions=True)
    assert [str(error) for error in found] == ["unlucky", "unlucky"]
    assert await batches.call(1) == 2


async def test_a_call_that_is_cancelled_is_not_run_or_is_undone() -> None:
    doubles = Doubles()
    batches = Batches(doubles.run, doubles.undo)
    running = asyncio.create_task(batches.call(1))
    await until(lambda: doubles.ran == [[1]], "the first batch runs")
    waiting = asyncio.create_task(batches.call(2))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    doubles.free.set()
    for call in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await call
    await batches.settle()
    assert doubles.ran == [[1]]
    assert doubles.undone == [1]


async def test_what_cannot_be_undone_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def undo(numbers: Sequence[int]) -> None:
        raise OSError("no route")

    doubles = Doubles()
    batches = Batches(doubles.run, undo)
    running = asyncio.create_task(batches.call(1))
    await until(lambda: doubles.ran == [[1]], "the first batch runs")
    waiting = asyncio.create_task(batches.call(2))
    await asyncio.sleep(0)
    running.cancel()
    doubles.free.set()
    assert await waiting == 4
    assert "no route" in caplog.text

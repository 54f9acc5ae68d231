"""What takes too long is ended, and nothing else is."""

import asyncio

import pytest

from axion_gen.runtime.interceptors.time_limit import HandlerTimeoutError, TimeLimit

from .kafka import until


async def test_what_takes_too_long_is_ended_and_what_began_later_goes_on() -> None:
    limit = TimeLimit(0.2)
    ended: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        try:
            await limit.keep(asyncio.sleep(seconds))
        except HandlerTimeoutError:
            ended.append(f"{name}: out of time")
        else:
            ended.append(name)

    first = asyncio.create_task(wait("first", 3600))
    await asyncio.sleep(0.15)
    second = asyncio.create_task(wait("second", 0.1))
    await asyncio.gather(first, second)
    assert ended == ["first: out of time", "second"]


async def test_the_next_one_is_due_when_the_one_before_has_ended_early() -> None:
    limit = TimeLimit(0.05)
    await limit.keep(asyncio.sleep(0))
    for _ in range(2):
        with pytest.raises(HandlerTimeoutError):
            await limit.keep(asyncio.sleep(3600))


async def test_a_cancellation_from_outside_stays_one() -> None:
    limit = TimeLimit(3600)
    task = asyncio.create_task(limit.keep(asyncio.sleep(3600)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_goes_before_the_limit() -> None:
    limit = TimeLimit(0.05)
    caught: list[BaseException] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            caught.append(error)
            await asyncio.sleep(3600)

    task = asyncio.create_task(limit.keep(stubborn()))
    await until(lambda: bool(caught), "its time is up")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_ends_well_all_the_same_leaves_no_cancellation_behind() -> None:
    limit = TimeLimit(0.05)

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return

    await limit.keep(stubborn())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_without_a_limit_nothing_is_ended() -> None:
    limit = TimeLimit(0)
    waiting = asyncio.create_task(limit.keep(asyncio.sleep(0.2)))
    await waiting
    assert waiting.exception() is None

"""The lease: one owner at a time, by the database's clock."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from axion_gen.runtime.sql.lease import Lease

LONG_S = 3600.0


async def test_one_of_many_has_it(engine: AsyncEngine) -> None:
    leases = [Lease(engine, "outbox:items", LONG_S) for _ in range(10)]
    for _ in range(3):
        await asyncio.gather(*(lease.take() for lease in leases), return_exceptions=True)
        held = [lease for lease in leases if lease.held]
        assert len(held) == 1
        # Renewing it changes nothing; when it is given up somebody else may have it.
        assert await held[0].take()
        assert not await next(lease for lease in leases if lease not in held).take()
        await held[0].release()
        assert not held[0].held


async def test_one_that_is_not_renewed_ends_here_before_another_can_have_it(
    engine: AsyncEngine,
) -> None:
    first = Lease(engine, "outbox:items", 0.5)
    second = Lease(engine, "outbox:items", LONG_S)
    assert await first.take()
    async with asyncio.timeout(10):
        while not await second.take():
            pass
    assert second.held
    assert not first.held
    assert not await first.take()


async def test_leases_of_other_names_are_others(engine: AsyncEngine) -> None:
    assert await Lease(engine, "outbox:items", LONG_S).take()
    assert await Lease(engine, "outbox:orders", LONG_S).take()

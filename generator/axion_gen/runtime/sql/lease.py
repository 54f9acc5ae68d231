"""A lease: what only one instance of a service may do at a time."""

import os
import socket
import time
from uuid import uuid4

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import (  # type: ignore[import-not-found,unused-ignore]
    IntegrityError,
)
from sqlalchemy.ext.asyncio import (  # type: ignore[import-not-found,unused-ignore]
    AsyncEngine,
)

from .tables import lease, now_ms
from .turns import writing


class Lease:
    """One row of `axion_lease`. Its end is by the database's clock, which all share."""

    def __init__(self, engine: AsyncEngine, name: str, duration_s: float) -> None:
        self._engine = engine
        self._name = name
        self._duration_s = duration_s
        self._end = 0.0
        # Another one after a restart. The rest is for people.
        self._owner = f"{socket.gethostname()[:64]}:{os.getpid()}:{uuid4().hex[:12]}"

    @property
    def held(self) -> bool:
        """Whether it is ours, by our own clock and a fifth of the time before it ends."""
        return time.monotonic() < self._end

    async def take(self) -> bool:
        """Take it if it is free, renew it if it is ours; whether it is held now.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database does not say.
        """
        # The database's clock is read later, so it is held there for longer than here.
        began = time.monotonic()
        if not await self._take():
            self._end = 0.0
            return False
        self._end = began + 0.8 * self._duration_s
        return True

    async def _take(self) -> bool:
        now = now_ms(self._engine.dialect.name)
        mine = {"owner": self._owner, "expires_at": now + round(1000 * self._duration_s)}
        found = select(lease.c.owner, lease.c.expires_at, now.label("now"))
        try:
            async with writing(self._engine) as connection:
                row = (await connection.execute(found.where(lease.c.name == self._name))).first()
                if row is None:
                    await connection.execute(insert(lease).values(name=self._name, **mine))
                    return True
                if row.owner != self._owner and row.expires_at > row.now:
                    return False
                taken = await connection.execute(
                    update(lease)
                    .where(
                        lease.c.name == self._name,
                        # Unless another was quicker.
                        lease.c.owner == row.owner,
                        lease.c.expires_at == row.expires_at,
                    )
                    .values(mine)
                )
                return bool(taken.rowcount)
        except IntegrityError:  # another was quicker to make the row
            return False

    async def release(self) -> None:
        """Give it up, so that another need not wait for its end."""
        self._end = 0.0
        async with writing(self._engine) as connection:
            await connection.execute(
                delete(lease).where(lease.c.name == self._name, lease.c.owner == self._owner)
            )

"""`engine`: an empty database with the store's tables and one for effects, on each system."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.servers import PostgreSQL

from .records import prepare


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'service.db'}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.new_database()
    engine = create_async_engine(url)
    await prepare(engine)
    yield engine
    await engine.dispose()

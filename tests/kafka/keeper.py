"""An instance that keeps its marks in a database, to be killed:

python -m tests.kafka.keeper DATABASE LOG

Each command that it handles becomes a row, and an event through the outbox. One with the note
`deadly` kills the process; LOG gets its name each time that its handler is called.
"""

import asyncio
import os
import random
import signal
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.sql import SqlStore, create_tables

from ..runtime.items import Context, ItemCreate, ItemCreated, Quiet
from .members import Bus

LIMITS = {
    "KAFKA_DRAIN_TIMEOUT_S": "1.0",
    "KAFKA_REBALANCE_TIMEOUT_S": "1.5",
    "KAFKA_REQUEST_TIMEOUT_S": "2.5",
    "KAFKA_SESSION_TIMEOUT_S": "3.0",
}
"""A member that was killed is waited for until its session ends."""


async def prepare(engine: AsyncEngine) -> None:
    """Make the store's tables, and one for effects."""
    await create_tables(engine)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE effects (name VARCHAR(255) NOT NULL)"))


async def keep(message: ItemCreate, context: Context) -> None:
    """Have an effect, and tell of it."""
    await context.session.execute(
        text("INSERT INTO effects (name) VALUES (:name)"), {"name": message.name}
    )
    await asyncio.sleep(random.uniform(0.0, 0.02))
    await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))


class Keeps(Quiet):
    def __init__(self, log: str) -> None:
        # A line is one write to the file, so it survives the process.
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        if message.note == "deadly":
            os.write(self._log, f"{message.name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        await keep(message, context)


async def main(url: str, log: str) -> None:
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with Bus(KafkaSettings(), SqlStore(create_async_engine(url))).run(Keeps(log)):
        await terminated.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

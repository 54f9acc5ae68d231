"""A service that one of its messages kills: `python -m tests.stores.dying BROKERS DATABASE`."""

import asyncio
import os
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.sql import SqlStore
from tests.runtime.items import Bus, Context, ItemCreate, Quiet
from tests.runtime.test_bus import SHORT


class Dies(Quiet):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await context.session.execute(
            text("INSERT INTO effects (record) VALUES (:name)"), {"name": message.name}
        )
        if message.name == "poison":
            os._exit(9)


async def main(servers: str, url: str) -> None:
    settings = KafkaSettings(bootstrap_servers=servers, **SHORT)
    async with Bus("items", settings, store=SqlStore(create_async_engine(url))).run(Dies()):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

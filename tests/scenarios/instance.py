"""An instance of the service, to be ended by signals: `python -m tests.scenarios.instance LOG`.

Each line of LOG is the name of a command that was handled, with `+` where its handler began and
`-` where it ended; of the process's life nothing else is on it.
"""

import asyncio
import os
import signal
import sys

from ..runtime.items import Context, ItemCreate, ItemCreated, Quiet
from .service import bus_on

HANDLER_S = 0.05


class Writes(Quiet):
    def __init__(self, log: str) -> None:
        # Each line is one write to the file: what was written survives the process.
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        os.write(self.log, f"+{message.name}\n".encode())
        await asyncio.sleep(HANDLER_S)
        await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))
        os.write(self.log, f"-{message.name}\n".encode())


async def main(log: str, servers: str) -> None:
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with bus_on(servers, max_concurrent_handlers=4).run(Writes(log)):
        await terminated.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

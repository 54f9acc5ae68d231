"""One instance of a service, to be killed: `python -m tests.kafka.instance NAME`.

It answers each command with an event that has the instance's name, and takes its time.
"""

import asyncio
import signal
import sys

from ..runtime.items import Bus, Context, ItemCreate, ItemCreated, Quiet

HANDLER_S = 0.02


class Answers(Quiet):
    def __init__(self, name: str) -> None:
        self.name = name

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await asyncio.sleep(HANDLER_S)
        await context.client.emit("item.events", ItemCreated(id=message.id, name=self.name))


async def main(name: str) -> None:
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    async with Bus("items").run(Answers(name)):
        await terminated.wait()


asyncio.run(main(sys.argv[1]))

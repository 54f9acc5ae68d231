"""How many dead letters are open: the depth of the dead letter queue, for a metric."""

import asyncio
import logging
from typing import Self

from .dead_letters import Tally
from .errors import BusError
from .kafka.reader import KafkaReader
from .settings import KafkaSettings

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STOP_S = 6.0
"""So long at most it takes to stop: what the reader takes, and a little."""


class OpenLetters:
    """Follows a dead letter topic while it is entered; the brokers may come and go.

    Needs the right to read the topic, and about 200 bytes for each letter it ever had.
    """

    def __init__(self, settings: KafkaSettings, client_id: str, topic: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._topic = topic
        self._tally = Tally()
        self._known = False
        self._task: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int | None:
        """How many letters are open; none before the topic has been read to its end once."""
        return len(self._tally) if self._known else None

    @property
    def oldest(self) -> int | None:
        """When the first of the open letters failed, in Unix milliseconds; none if none is open."""
        return self._tally.oldest if self._known else None

    async def __aenter__(self) -> Self:
        """Begin to read; returns at once, whether brokers answer or not."""
        self._task = asyncio.create_task(self._follow(), name=f"open letters of {self._topic}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=STOP_S)
            self._task = None

    async def _follow(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                # A new reader reads all again, which changes nothing in the tally.
                async with KafkaReader(self._settings, self._client_id, self._topic) as reader:
                    while True:
                        for record in await reader.take():
                            self._tally.add(record)
                        if await reader.caught_up():
                            self._known = True
                            pause = FIRST_PAUSE_S
            except BusError as error:
                logger.warning(
                    "the depth of the dead letter queue may be out of date, next try in %.0f s: %s",
                    pause,
                    error,
                )
            except Exception:  # nothing may end the task: a depth that stands still is a lie
                logger.exception("the dead letter queue cannot be read, next try in %.0f s", pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

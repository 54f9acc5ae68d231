"""A service's dead letter queue, for those who empty it."""

import getpass
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self

from ..runtime.contract import dead_letter_topic, replay_topic
from ..runtime.dead_letters import Letter, Tally, answered, read, replayed
from ..runtime.errors import BusError
from ..runtime.headers import Record
from ..runtime.interceptors.dead_letter import ADDED_BYTES
from ..runtime.kafka import KafkaProducer, require_topics
from ..runtime.kafka.reader import KafkaReader
from ..runtime.settings import KafkaSettings

CLIENT_ID = "axion-dead-letters"
START_TIMEOUT_S = 10.0
"""A person does not wait for brokers as long as a service does."""


class DeadLetterQueue:
    """Reads the open letters of a service, replays and discards them; entered to be used.

    Raises:
        StartError: no broker answers, or a topic is missing.
        ReadError: the topic cannot be read.
        EmitError: a record was not acknowledged.
    """

    def __init__(self, service: str, settings: KafkaSettings) -> None:
        self._settings = settings.model_copy(
            update={"start_timeout_s": min(settings.start_timeout_s, START_TIMEOUT_S)}
        )
        self.topic = settings.topic_prefix + dead_letter_topic(service)
        self._replay_topic = settings.topic_prefix + replay_topic(service)
        self._producer: KafkaProducer | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await require_topics(self._settings, CLIENT_ID, {self.topic})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def tally(self) -> Tally:
        """Which letters are open now."""
        tally = Tally()
        async for record in self._records():
            tally.add(record)
        return tally

    async def letters(self, tally: Tally) -> AsyncIterator[Letter]:
        """The letters that a tally has as open, a key's in their order.

        Reads the topic again, so that no more than a few letters are in memory at once.
        """
        if not tally:
            return
        async for record in self._records():
            found = read(record)
            if isinstance(found, Letter) and found in tally:
                yield found

    async def replay(self, letter: Letter) -> None:
        """Give a letter's record to its service again, then answer the letter.

        In this order nothing is lost: a replay without its answer is repeated, and the
        service knows the message id.
        """
        if letter.origin is None:
            raise BusError(f"{letter.id} does not say which topic its record came from")
        if self._producer is None:
            await require_topics(self._settings, CLIENT_ID, {self._replay_topic})
        producer = await self._started()
        await producer.send(self._replay_topic, letter.key, letter.value, replayed(letter))
        await self._answer(letter, "replayed")

    async def discard(self, letter: Letter, reason: str) -> None:
        """Answer a letter, so that it counts no more; it stays on the topic."""
        await self._answer(letter, reason)

    async def _answer(self, letter: Letter, reason: str) -> None:
        producer = await self._started()
        headers = answered(letter, reason, _user())
        await producer.send(self.topic, letter.id.encode(), b"", headers)

    async def _started(self) -> KafkaProducer:
        if self._producer is None:
            producer = KafkaProducer(self._settings, CLIENT_ID, extra_bytes=ADDED_BYTES)
            await producer.start()
            self._stack.push_async_callback(producer.stop)
            self._producer = producer
        return self._producer

    async def _records(self) -> AsyncIterator[Record]:
        """The topic's records up to where it ends now."""
        async with KafkaReader(self._settings, CLIENT_ID, self.topic) as reader:
            while not await reader.caught_up():
                for record in await reader.take():
                    yield record


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"

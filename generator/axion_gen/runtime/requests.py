"""Requests: messages that are sent, and whose replies are waited for.

Each instance reads the topics of its replies from their ends, outside of any group, and takes
what answers a request of its own: a message whose cause is the request, or, from those who do
not know our headers, one with the request's correlation id where the contract says.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from .addresses import TopicAddress, Topics
from .asking import Asking, Pending, completed, correlations, read_reply
from .client import Client, Transport
from .codecs import SchemaUnknownError
from .context import Metadata
from .contract import Contract, Reply, Topic, replies_topic
from .errors import (
    BusError,
    NotRunningError,
    ReplyTimeoutError,
    RequestError,
    StartError,
)
from .headers import CAUSATION_ID, IN_ORDER, OURS, Headers, Record
from .kafka.reader import KafkaReader
from .locations import location
from .settings import KafkaSettings

logger = logging.getLogger(__name__)

MOST_UNDER_WAY: Final = 1000
"""So many requests wait for their replies at once; others wait to be sent."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
STOP_S: Final = 6.0
"""So long at most it takes to stop a reader."""


class Requests:
    """The requests of a service that are under way, while the bus runs."""

    def __init__(self, service: str, contract: Contract, transport: Transport) -> None:
        self._contract = contract
        self._transport = transport
        self._own = replies_topic(service)
        self._prefix = ""
        self._by_id: dict[bytes, Pending] = {}
        self._by_value: dict[tuple[str, str], list[Pending]] = {}
        """By the address of the topic where the reply comes, and the correlation id."""
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._reading: list[asyncio.Task[None]] = []

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Where the replies come; a service's own topic where the requests name it."""
        awaited = [
            message.reply
            for topic in self._contract.topics
            for message in topic.messages
            if message.reply is not None and message.reply.awaited
        ]
        addresses = {reply.topic for reply in awaited if reply.address is None}
        topics = [topic for topic in self._contract.topics if topic.address in addresses]
        named = {
            m.name: m for reply in awaited if reply.address is not None for m in reply.messages
        }
        if named:
            topics.append(Topic(self._own, tuple(named.values())))
        # Whoever sends a reply, nothing but its content is asked for.
        return tuple(replace(topic, foreign_producers=True) for topic in topics)

    async def start(self, settings: KafkaSettings, client_id: str) -> None:
        """Begin to read the topics of replies, from their ends.

        Raises:
            StartError: one cannot be read.
        """
        self._prefix = settings.topic_prefix
        for name, topic in Topics(self.topics, self._prefix).items():
            begun = asyncio.Event()
            follow = self._follow(settings, client_id, name, topic, begun)
            self._reading.append(asyncio.create_task(follow, name=f"replies on {name}"))
            try:
                await asyncio.wait_for(begun.wait(), settings.start_timeout_s)
            except TimeoutError:
                raise StartError(
                    f"{name}, where replies come, cannot be read within"
                    f" {settings.start_timeout_s:g} s"
                ) from None

    async def stop(self) -> None:
        """Read nothing more; what still waits for a reply is told."""
        reading, self._reading = self._reading, []
        for task in reading:
            task.cancel()
        if reading:
            await asyncio.wait(reading, timeout=STOP_S)
        for pending in self._by_id.values():
            if not pending.answer.done():
                pending.answer.set_exception(
                    NotRunningError(
                        f"the bus has stopped before the reply to {pending.message.name} came:"
                        " the request may have been handled"
                    )
                )

    async def request(
        self,
        topic: str | TopicAddress,
        message: BaseModel,
        key: Any,
        metadata: Metadata | None,
        timeout_s: float,
    ) -> BaseModel:
        """Send a request, and return its reply.

        Raises:
            RequestError: nothing answers such a message.
            ReplyTimeoutError: no reply has come in time.
            InvalidReplyError: it breaks the contract.
            SchemaRegistryUnavailableError: the schema that it is written with is not to be had.
            NotRunningError: the bus does not run, or has stopped meanwhile.
            MetadataError, EmitError: as in emitting.
        """
        if not self._reading:
            raise NotRunningError(
                "the bus is not running: request within `async with bus.run(...)`"
            )
        address, declared = Client(self._contract, self._transport)._found(topic, message)  # noqa: SLF001 - a part of the runtime
        reply = declared.reply
        if reply is None or not reply.awaited:
            raise RequestError(f"the contract has no reply to {declared.name} on {address}")
        replies_to = self._prefix + self._own
        message = completed(message, declared, replies_to)
        pending = Pending(declared, reply)

        def expect(headers: Headers) -> None:
            self._expect(pending, headers, message)

        asking = Client(self._contract, Asking(self._transport, declared, replies_to, expect))
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit, self._places:
                await asking._emit(topic, message, key, metadata)  # noqa: SLF001
                # It is read here, where nothing else waits while its schema is fetched.
                return await read_reply(*await pending.answer, pending)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ReplyTimeoutError(
                f"no reply to {declared.name} on {address} within {timeout_s:g} s: it is unknown"
                " what became of the request, it may have been handled"
            ) from None
        finally:
            self._forget(pending)

    # Requests under way

    def _expect(self, pending: Pending, headers: Headers, message: BaseModel) -> None:
        pending.message_id = headers.message_id.encode()
        self._by_id[pending.message_id] = pending
        if pending.message.correlation is not None:
            place = location(pending.message.correlation)
            if place.header in OURS:
                pending.value = headers[IN_ORDER.index(place.header)]
            elif place.header is not None:
                pending.value = headers.message_id
            else:
                pending.value = place.read((), message)
        if pending.value is not None:
            self._by_value.setdefault(self._key(pending.reply, pending.value), []).append(pending)

    def _forget(self, pending: Pending) -> None:
        self._by_id.pop(pending.message_id, None)
        if pending.value is not None:
            key = self._key(pending.reply, pending.value)
            others = [other for other in self._by_value.get(key, ()) if other is not pending]
            if others:
                self._by_value[key] = others
            else:
                self._by_value.pop(key, None)

    def _key(self, reply: Reply, value: object) -> tuple[str, str]:
        return reply.topic if reply.address is None and reply.topic else self._own, str(value)

    # Replies

    async def _follow(
        self,
        settings: KafkaSettings,
        client_id: str,
        name: str,
        topic: Topic,
        begun: asyncio.Event,
    ) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with KafkaReader(settings, client_id, name, at_end=True) as reader:
                    begun.set()
                    while True:
                        for record in await reader.take():
                            await self._take(record, topic)
                            pause = FIRST_PAUSE_S
            except BusError as error:
                logger.warning("replies are missed, next try in %.0f s: %s", pause, error)
            except Exception:  # nothing may end the task: every request would wait in vain
                logger.exception("replies are missed, next try in %.0f s", pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _take(self, record: Record, topic: Topic) -> None:
        """Give a record to the request that it answers; others are other instances'."""
        try:
            pending = self._pending(record, topic)
        except SchemaUnknownError as error:
            await error.fetch()
            pending = self._pending(record, topic)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result((record, topic))

    def _pending(self, record: Record, topic: Topic) -> Pending | None:
        cause = next((value for name, value in record.headers if name == CAUSATION_ID), None)
        if cause is not None:
            return self._by_id.get(cause)
        if self._by_value:
            for value in correlations(record, topic):
                for pending in self._by_value.get((topic.address, str(value)), ()):
                    if not pending.answer.done():
                        return pending
        return None

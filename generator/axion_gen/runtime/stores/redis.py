"""Marks in Redis: they survive the service and expire by themselves. An extra."""

from collections.abc import Callable, Sequence
from typing import Final

from redis.asyncio import Redis  # type: ignore[import-not-found,unused-ignore]
from redis.exceptions import (  # type: ignore[import-not-found,unused-ignore]
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (  # type: ignore[import-not-found,unused-ignore]
    RedisError,
)
from redis.exceptions import (  # type: ignore[import-not-found,unused-ignore]
    TimeoutError as RedisTimeoutError,
)

from ..client import Client, Transport
from ..delivery import Delivery, Handle
from ..errors import StartError
from .base import Begun
from .batches import Batches
from .marks import RETENTION_S, message_id_of, warn_of_topic_made_again

NEW: Final = Begun()
PROCESSED: Final = Begun(processed=True)


class RedisStore:
    """Keeps marks in Redis, each for `retention_s` seconds.

    There are no transactions here: a process that dies between the end of its handler and
    the mark handles the message again, so effects may happen twice. Nor are deliveries
    counted, nor message ids. What Redis forgets, because it lost its memory or was told to
    evict keys, is not known as processed any more: let it persist, and evict nothing.

    The client stays its owner's: closing it is left to whoever made it.
    """

    outages: tuple[type[Exception], ...] = (RedisConnectionError, RedisTimeoutError)

    def __init__(self, redis: Redis, *, retention_s: float = RETENTION_S) -> None:
        self.retention_s: float | None = retention_s
        self._redis = redis
        self._expiry_ms = int(retention_s * 1000)
        self._group = ""

    async def start(self, service: str, group: str, client: Callable[[Transport], Client]) -> None:
        """See that Redis answers.

        Raises:
            StartError: it does not.
        """
        self._group = group
        self._looks: Batches[Delivery, Begun] = Batches(self._look)
        self._marks: Batches[Delivery, None] = Batches(self._mark)
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise StartError(f"Redis, the store of processed messages, is away: {error}") from None

    async def stop(self) -> None:
        """Nothing to let go of: the client is its owner's."""

    async def begin(self, delivery: Delivery) -> Begun:
        """Whether there is a mark."""
        return await self._looks.call(delivery)

    def transact(self, following: Handle) -> Handle:
        """No transactions here."""
        return following

    async def end(self, delivery: Delivery) -> None:
        """Set the mark, with its expiry."""
        await self._marks.call(delivery)

    async def abandon(self, delivery: Delivery) -> None:
        """Nothing was noted."""

    async def _look(self, deliveries: Sequence[Delivery]) -> list[Begun]:
        marks: list[bytes | str | None] = await self._redis.mget(
            [self._key(delivery) for delivery in deliveries]
        )
        return [_compare(delivery, mark) for delivery, mark in zip(deliveries, marks, strict=True)]

    async def _mark(self, deliveries: Sequence[Delivery]) -> list[None]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for delivery in deliveries:
                pipeline.set(self._key(delivery), _value(delivery), px=self._expiry_ms)
            await pipeline.execute()
        return [None] * len(deliveries)

    def _key(self, delivery: Delivery) -> str:
        return f"axion:{self._group}:{delivery.key}"


def _value(delivery: Delivery) -> str:
    return f"{message_id_of(delivery.record) or ''} {delivery.record.timestamp}"


def _compare(delivery: Delivery, mark: bytes | str | None) -> Begun:
    if mark is None:
        return NEW
    # The client decodes what it gets, or not, as its owner wants it.
    if (mark.decode() if isinstance(mark, bytes) else mark) == _value(delivery):
        return PROCESSED
    warn_of_topic_made_again(delivery)
    return NEW

"""Committing offsets, in the name of the membership they were read in and of no other."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # ships no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from ..settings import KafkaSettings
from .connection import Partition


class CommitError(Exception):
    """Offsets could not be committed; those who read on from there read again."""


class Commits:
    """The commits of one consumer.

    aiokafka repeats a commit for as long as it takes, through rebalances too; and an answer
    that an old membership is over makes it give up the new one.
    """

    def __init__(self, consumer: Any, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings
        self._under_way: set[asyncio.Task[None]] = set()
        self._revoking = False

    @contextmanager
    def revoking(self) -> Iterator[None]:
        """While partitions are given back their offsets can still be committed, not after."""
        self._revoking = True
        try:
            yield
        finally:
            self._revoking = False
            for commit in self._under_way:
                commit.cancel()

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit the next offset to read of each partition; raises `CommitError`."""
        coordinator = self._consumer._coordinator
        if coordinator is None or coordinator.generation < 0:
            raise CommitError("this instance is not a member of the group at present")
        if self._consumer._subscription.reassignment_in_progress and not self._revoking:
            raise CommitError("the group gives out its partitions anew")
        offsets = {TopicPartition(*place): offset for place, offset in positions.items()}
        # What the drain leaves of a rebalance's time; and a broker gives up after 5 s itself.
        limit = max(1.0, self._settings.rebalance_timeout_s - self._settings.drain_timeout_s)
        committing = asyncio.create_task(self._consumer.commit(offsets), name="kafka offsets")
        self._under_way.add(committing)
        try:
            await asyncio.wait((committing,), timeout=limit)
        finally:
            self._under_way.discard(committing)
            finished = committing.done()
            committing.cancel()
        if not finished:
            raise CommitError(f"no answer within {limit:g} s")
        if committing.cancelled():
            raise CommitError("the group gives out its partitions anew")
        error = committing.exception()
        if isinstance(error, KafkaError):
            raise CommitError(repr(error)) from error
        if error is not None:
            raise error

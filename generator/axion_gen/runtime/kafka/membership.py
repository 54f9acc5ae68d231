"""A member of a group that keeps its identity when it has to join again."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
from typing import Any

from aiokafka.consumer.group_coordinator import (  # type: ignore[import-untyped]  # ships no types
    GroupCoordinator,
)
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

_UNKNOWN = ""


class Membership(GroupCoordinator):  # type: ignore[misc]  # untyped base
    """aiokafka's, which after a stale generation joins as somebody new.

    The group would wait for the one that it knew until its session ends, and nobody would
    have any partition meanwhile.
    """

    _known_as: str
    member_id: str

    @classmethod
    def improve(cls, coordinator: Any) -> None:
        """Turn the coordinator of a consumer that has not joined yet into one."""
        coordinator.__class__ = cls
        coordinator._known_as = _UNKNOWN

    def reset_generation(self) -> None:
        """Be no member; for a generation that is over, the identity is good all the same."""
        # Without a generation it was in joining: then the identity was refused.
        self._known_as = self.member_id if self.generation >= 0 else _UNKNOWN
        super().reset_generation()

    async def commit_offsets(self, assignment: Any, offsets: Any) -> None:
        """Commit, again after an error that heals; aiokafka's goes on when it is cancelled."""
        while True:
            try:
                await self.ensure_coordinator_known()
                async with self._commit_lock:
                    await self._do_commit_offsets(assignment, offsets)
                    return
            except KafkaError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(self._retry_backoff_ms / 1000)

    async def _do_rejoin_group(self, subscription: Any) -> bool:
        if self.member_id == _UNKNOWN:
            self.member_id, self._known_as = self._known_as, _UNKNOWN
        joined: bool = await super()._do_rejoin_group(subscription)
        return joined

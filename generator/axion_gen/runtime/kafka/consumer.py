"""A member of a consumer group, for one poll task."""

# ruff: noqa: SLF001 - what is mended here is what aiokafka keeps to itself
import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

# aiokafka declares its listener's methods as plain functions, and awaits what they return.
# pyright: reportIncompatibleMethodOverride=false
from ..addresses import Topics
from ..errors import StartError
from ..headers import Record
from ..settings import KafkaSettings
from .commits import Commits
from .connection import Client, Partition, connection
from .damage import Damage
from .membership import Membership
from .security import describe

logger = logging.getLogger(__name__)

FETCH_WAIT_MS = 100
"""How long a fetch waits for records; also how soon a partition that has room is asked again."""
POLL_INTERVAL_S = 300
"""The group drops a member that has not polled for so long."""
LEAVE_TIMEOUT_S = 5.0
"""How long leaving the group may take."""

Moved = Callable[[Partition, int | None, int], None]
"""Told of a partition, the position it had, and the earliest offset, at which it goes on.

It had none where the group has committed nothing yet; else what was there is there no more.
"""
Change = Callable[[set[Partition]], Awaitable[None]]


class ConsumerBrokenError(Exception):
    """A consumer takes nothing any more, and will not recover: make a new one."""


class KafkaConsumer:
    """A member of a consumer group. Once broken or stopped it is of no more use."""

    def __init__(self, settings: KafkaSettings, client_id: str, group: str, moved: Moved) -> None:
        self._settings = settings
        self._group = group
        self._moved = moved
        self._consumer: Any = AIOKafkaConsumer(
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",  # no jump is silent: `_reset` makes it
            isolation_level="read_committed",  # what a transaction has taken back never was
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=round(1000 * settings.session_timeout_s),
            heartbeat_interval_ms=round(1000 * settings.session_timeout_s / 10),
            max_poll_interval_ms=1000 * POLL_INTERVAL_S,
            rebalance_timeout_ms=round(1000 * settings.rebalance_timeout_s),
            **connection(settings, client_id),
        )
        self._client: Client = self._consumer._client
        Client.improve(self._client)
        self._damage = Damage(self._consumer)
        self._resetting: dict[TopicPartition, int | None] = {}
        """Partitions whose earliest offset is being asked for, and the position they had."""
        self._starting: asyncio.Task[None] | None = None
        self._commits = Commits(self._consumer, settings)
        self._trouble = ""
        """What went wrong last, so that it is logged once."""

    @property
    def halted(self) -> Mapping[Partition, str]:
        """The partitions that stand still at a record that cannot be read, and why."""
        return {place: halt.reason for place, halt in self._damage.halts.items()}

    def highwater(self, partition: Partition) -> int | None:
        """The offset behind a partition's last record, as of the last fetch; none before it."""
        place = TopicPartition(*partition)
        if not self._consumer._subscription.is_assigned(place):
            return None
        highwater: int | None = self._consumer.highwater(place)
        return highwater

    def position(self, partition: Partition) -> int | None:
        """The offset of the next record to take of a partition; none before it is known."""
        place = TopicPartition(*partition)
        subscription = self._consumer._subscription
        if not subscription.is_assigned(place):
            return None
        state = subscription.subscription.assignment.state_value(place)
        if not state.has_valid_position:
            return None
        position: int = state.position
        return position

    async def start(self, topics: Iterable[str], revoked: Change, assigned: Change) -> None:
        """Join the group; `revoked` and `assigned` are awaited within each rebalance.

        Where addresses have parameters it reads each topic whose name fits; one that is made
        later is found within 30 s.

        It returns when the group has given out its partitions. A group that takes longer than
        `KAFKA_START_TIMEOUT_S`, since it waits for a member that died, is waited for in `take`.

        Raises:
            StartError: no broker answers, or the group does not take this member.
        """
        consumer = self._consumer
        pattern = topics.pattern if isinstance(topics, Topics) else None
        names = () if pattern else list(topics)
        consumer.subscribe(names, pattern, _Listener(self, revoked, assigned))
        self._starting = asyncio.create_task(consumer.start(), name="kafka join")
        timeout = self._settings.start_timeout_s
        await asyncio.wait((self._starting,), timeout=timeout)
        if not self._starting.done():
            if consumer._coordinator is not None:
                logger.warning(
                    "the group %s has not given out its partitions within %g s",
                    self._group,
                    timeout,
                )
                return
            self._starting.cancel()
            await asyncio.wait((self._starting,))
            error: BaseException | None = TimeoutError(f"not within {timeout:g} s")
        else:
            error = self._starting.exception()
        if error is not None:
            await self.stop()
            if not isinstance(error, KafkaError | TimeoutError):
                raise error
            raise StartError(
                f"the group {self._group} on {self._settings.bootstrap_servers} cannot be joined:"
                f" {describe(self._client.faults or [error], self._settings)}"
            ) from None

    async def stop(self) -> None:
        """Leave the group, for 5 s at most: brokers may be away."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait((self._starting,))
        leaving = asyncio.create_task(self._consumer.stop(), name="kafka leave")
        await asyncio.wait((leaving,), timeout=LEAVE_TIMEOUT_S)
        if leaving.done():
            if not leaving.cancelled() and leaving.exception() is not None:
                logger.debug("the consumer stopped with %r", leaving.exception())
            return
        await self._abandon(leaving)

    async def _abandon(self, leaving: "asyncio.Task[None]") -> None:
        """End what aiokafka would wait for without a limit."""
        coordinator, fetcher = self._consumer._coordinator, self._consumer._fetcher
        tasks = [leaving]
        for owner, name in (
            (coordinator, "_coordination_task"),
            (coordinator, "_heartbeat_task"),
            (coordinator, "_commit_refresh_task"),
            (fetcher, "_fetch_task"),
        ):
            task = getattr(owner, name, None)
            if task is not None and not task.done():
                tasks.append(task)
        for task in tasks:
            task.cancel()
        closing = asyncio.create_task(self._client.close())
        await asyncio.wait((*tasks, closing), timeout=1.0)
        closing.cancel()

    # Taking

    async def take(
        self, eligible: Iterable[Partition], at_most: int
    ) -> Mapping[Partition, list[Record]]:
        """The next records of some partitions; with none eligible, only a sign of life.

        Never cancelled: a cancelled fetch switches aiokafka's own watchdog off for good.

        Raises:
            ConsumerBrokenError: this consumer will never take anything again.
        """
        self._check()
        halted = self._damage.waiting() if self._damage.halts else ()
        if self._damage.found:
            return await self._damage.read()
        wanted = [TopicPartition(*partition) for partition in eligible if partition not in halted]
        batch = await self._fetch(wanted, at_most)
        if self._resetting:
            self._note_positions(batch)
        return {Partition(*place): records for place, records in batch.items()}

    async def _fetch(self, wanted: list[TopicPartition], at_most: int) -> dict[Any, list[Record]]:
        # No partition at all would mean every partition; this one nobody has.
        places = wanted or [TopicPartition("", -1)]
        subscription = self._consumer._subscription
        # In a rebalance the call waits for its end, if there ever is one.
        limit = self._settings.rebalance_timeout_s + self._settings.session_timeout_s
        giving_up = asyncio.get_running_loop().call_later(limit, self._give_up, limit)
        try:
            batch: dict[Any, list[Record]] = await self._consumer.getmany(
                *places, timeout_ms=FETCH_WAIT_MS, max_records=at_most
            )
        except NoOffsetForPartitionError as error:
            self._reset(error.args[0], None)
        except OffsetOutOfRangeError as error:
            for place, position in error.args[0].items():
                self._reset(place, position)
        except TopicAuthorizationFailedError as error:
            await self._rest(f"no permission to read {error.args[0]}")
        except KafkaError as error:
            raise ConsumerBrokenError(self._reason(error)) from error
        else:
            self._trouble = ""
            return batch
        finally:
            giving_up.cancel()
            # aiokafka forgets to count down when it raises, and its watchdog would sleep.
            subscription._fetch_count = 0
            subscription._last_fetch_ended = time.monotonic()
        return {}

    async def _rest(self, trouble: str) -> None:
        """Take nothing for a moment, and say once why."""
        if trouble != self._trouble:
            logger.error("%s: tried again and again", trouble)
        self._trouble = trouble
        await asyncio.sleep(1.0)

    def _check(self) -> None:
        """See that what works in the background is alive: where it is not, nothing says so."""
        consumer = self._consumer
        if self._starting is not None and self._starting.done() and self._starting.exception():
            raise ConsumerBrokenError(self._reason(self._starting.exception()))
        if consumer._closed:
            raise ConsumerBrokenError("it was stopped")
        for name, task in (
            ("fetching", consumer._fetcher._fetch_task),
            ("the coordination", consumer._coordinator._coordination_task),
            ("metadata", self._client._sync_task),
        ):
            if task is None or task.done():
                how = "was closed" if task is None or task.cancelled() else repr(task.exception())
                raise ConsumerBrokenError(f"{name} ended: {how}")
        coordinator = consumer._coordinator
        beats = coordinator._heartbeat_task
        joins = consumer._subscription.reassignment_in_progress or (
            coordinator._rejoin_needed_fut.done()
        )
        if beats is not None and beats.done() and not joins:
            raise ConsumerBrokenError("heartbeats ended")

    def _give_up(self, limit: float) -> None:
        """Have a call fail that waits for partitions in vain."""
        self._consumer._subscription.abort_waiters(
            KafkaError(f"the group has not given out its partitions within {limit:g} s")
        )

    def _reason(self, error: BaseException | None) -> str:
        return f"group {self._group}: {error!r}"

    # Positions

    def _reset(self, partition: TopicPartition, position: int | None) -> None:
        """Ask for the earliest offset; the other partitions go on meanwhile."""
        if self._consumer._subscription.is_assigned(partition):
            self._resetting[partition] = position
            # What it returns waits for the answer, and nothing here does.
            self._consumer._fetcher.request_offset_reset([partition], _EARLIEST)

    def _note_positions(self, batch: Mapping[Any, list[Record]]) -> None:
        """Tell of the positions that are known by now, before their records are given out."""
        assignment = self._consumer._subscription.subscription.assignment
        for partition, before in list(self._resetting.items()):
            state = assignment.state_value(partition)
            if state is not None and state.has_valid_position:
                del self._resetting[partition]
                records = batch.get(partition)
                to = records[0].offset if records else state.position
                self._moved(Partition(*partition), before, to)

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit the next offset to read of each partition.

        Raises:
            CommitError: the brokers refused, or did not answer in time, or another member may
                have the partitions by now.
        """
        await self._commits.commit(positions)

    async def _on_revoked(self, partitions: set[Partition], revoked: Change) -> None:
        self._damage.watch()
        if not isinstance(self._consumer._coordinator, Membership):  # before it joins first
            Membership.improve(self._consumer._coordinator)
        with self._commits.revoking():
            await revoked(partitions)
        self._resetting.clear()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped base
    def __init__(self, consumer: KafkaConsumer, revoked: Change, assigned: Change) -> None:
        self._consumer = consumer
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._consumer._on_revoked({Partition(*place) for place in revoked}, self._revoked)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        await self._assigned({Partition(*place) for place in assigned})


_EARLIEST = -2
"""What Kafka calls the time of a partition's first record."""

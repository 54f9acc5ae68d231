"""What cannot be processed goes to the dead letter topic (standard, section 4)."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import BaseModel

from ..context import turn_to_letter
from ..dead_letters import PREFIX, without_reasons
from ..delivery import Delivery, Handle, Pause
from ..descriptions import describe, text_of
from ..errors import ENDS, RecordTooLargeError
from ..headers import RawHeaders
from .insistence import insist

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 1024
MAX_STACK_BYTES: Final = 8192
ADDED_BYTES: Final = 64 * 1024
"""By so much a dead letter may be larger than the record it is made of."""
HOOK_ATTEMPTS: Final = 3
HOOK_TIMEOUT_S: Final = 60.0
"""A hook that takes longer has failed: its message keeps its key and its partition from ending."""


class DeadLetters(Protocol):
    """The dead letter topic."""

    async def write(self, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """Return once the letter is acknowledged; raise if it is not."""


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """A message that has just become a dead letter."""

    id: str
    """The letter's id: the idempotency key of the record."""
    topic: str
    """The channel's address, without `KAFKA_TOPIC_PREFIX`."""
    # What a message contains may be a secret, so whoever logs a letter does not log it.
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    message: BaseModel | None = field(repr=False)
    """The payload, where it is valid."""
    message_id: str
    user_id: str | None
    project_id: str | None
    """None, as the user's, where the headers are what is wrong."""
    error: Exception = field(repr=False)


Hook = Callable[[DeadLettered], Awaitable[None]]
"""Told of each dead letter, once it is acknowledged and before its record is done with."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Writes a failed delivery to the dead letter topic, until that is acknowledged.

    While the topic cannot be written the delivery is not finished, so its offset is not
    committed: nothing is lost and nothing is skipped.
    """

    letters: DeadLetters
    service: str
    group: str
    pause: Pause
    hook: Hook

    def wrap(self, following: Handle) -> Handle:
        """Turn what `following` raises into a dead letter."""

        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except Exception as error:  # whatever a handler raises ends here, and is kept
                await self._bury(delivery, error)

        return handle

    async def _bury(self, delivery: Delivery, error: Exception) -> None:
        await self.pause(0)  # of what another member handles by now there is no letter
        delivery.error = error
        logger.error(
            "%s: dead letter after %d attempts: %s",
            delivery.place,
            delivery.attempts,
            describe(error),
        )
        await insist(
            lambda: self._write(delivery, error),
            "the dead letter cannot be written",
            delivery,
            self.pause,
        )
        delivery.outcome = "dead-lettered"
        delivery.statistics.dead_lettered += 1
        await self._tell(delivery, error)

    async def _write(self, delivery: Delivery, error: Exception) -> None:
        record = delivery.record
        # A replayed letter brings the reasons of the last time. On other topics what looks
        # like ours was forged: it is part of the record, and ours come behind it.
        own = record.headers if delivery.origin is None else without_reasons(record.headers)
        reasons = self._reasons(delivery, error)
        try:
            await self.letters.write(record.key, record.value, [*own, *_encoded(reasons)])
        except RecordTooLargeError:
            for name in ("error-message", "stack-trace"):
                reasons[name] = ""
            await self.letters.write(record.key, record.value, [*own, *_encoded(reasons)])

    def _reasons(self, delivery: Delivery, error: Exception) -> dict[str, str]:
        origin = delivery.origin
        source = origin or delivery.record
        # The id comes first: by it the block is found again.
        return {
            "id": delivery.key,
            "topic": source.topic,
            "partition": str(source.partition),
            "offset": str(source.offset),
            "timestamp": str(source.timestamp),
            "group": self.group,
            "service": self.service,
            "error-type": type(error).__qualname__,
            "error-message": _at_most(text_of(error), MAX_MESSAGE_BYTES),
            "stack-trace": stack_of(error),
            "attempts": str(delivery.attempts),
            "failed-at": str(time.time_ns() // 1_000_000),
            "replays": str(origin.replays if origin else 0),
        }

    async def _tell(self, delivery: Delivery, error: Exception) -> None:
        headers = delivery.headers
        letter = DeadLettered(
            id=delivery.key,
            topic=delivery.topic.address,
            key=delivery.record.key,
            value=delivery.record.value,
            message=delivery.payload,
            message_id=delivery.message_id,
            user_id=headers.user_id if headers else None,
            project_id=headers.project_id if headers else None,
            error=error,
        )
        for attempt in range(HOOK_ATTEMPTS):
            try:
                await self._call(letter, delivery)
            # The letter is safe, and a broken hook must not stop all.
            except (Exception, asyncio.CancelledError) as failure:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                logger.error(
                    "%s: `dead_lettered` failed, attempt %d of %d: %s",
                    delivery.place,
                    attempt + 1,
                    HOOK_ATTEMPTS,
                    describe(failure),
                )
            else:
                return
            await self.pause(2**attempt / 10)

    async def _call(self, letter: DeadLettered, delivery: Delivery) -> None:
        """Call the hook, in a task of its own: what it sets of context variables goes with it."""

        async def tell() -> None:
            turn_to_letter(delivery)
            try:
                await self.hook(letter)
            except (Exception, *ENDS):
                raise
            except BaseException as error:  # as of a handler
                raise RuntimeError(describe(error)) from error

        telling = asyncio.create_task(tell(), name="dead letter hook")
        try:
            async with asyncio.timeout(HOOK_TIMEOUT_S):
                await telling
        except TimeoutError:
            if telling.done() and not telling.cancelled():
                raise  # the hook's own
            raise TimeoutError(f"it did not return within {HOOK_TIMEOUT_S:g} s") from None


def _encoded(reasons: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(PREFIX + name, value.encode(errors="replace")) for name, value in reasons.items()]


def stack_of(error: BaseException) -> str:
    """Where it was raised, innermost last; lines of code only, no values of variables."""
    text = "".join(traceback.format_tb(error.__traceback__)).encode(errors="replace")
    return text[-MAX_STACK_BYTES:].decode(errors="ignore")


def _at_most(text: str, size: int) -> str:
    return text.encode(errors="replace")[:size].decode(errors="ignore")

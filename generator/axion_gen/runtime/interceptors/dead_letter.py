"""What cannot be processed goes to the dead letter topic (standard, section 4)."""

import logging
import time
import traceback
from dataclasses import dataclass
from typing import Final, Protocol

from ..delivery import Delivery, Handle, Pause
from ..headers import RawHeaders
from ..identifiers import idempotency_key

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 1024
MAX_STACK_BYTES: Final = 8192
ADDED_BYTES: Final = 64 * 1024
"""By so much a dead letter may be larger than the record it is made of."""

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0


class DeadLetters(Protocol):
    """The dead letter topic."""

    async def write(
        self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        """Return once the letter is acknowledged; raise if it is not."""


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

    def wrap(self, following: Handle) -> Handle:
        """Turn what `following` raises into a dead letter."""

        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except Exception as error:  # whatever a handler raises ends here, and is kept
                await self._write(delivery, error)

        return handle

    async def _write(self, delivery: Delivery, error: Exception) -> None:
        record = delivery.record
        # Ours come last: a record may arrive with forged ones, which stay as they are.
        headers = [*record.headers, *self._reasons(delivery, error)]
        logger.error(
            "%s: dead letter after %d attempts: %s",
            delivery.place,
            delivery.attempts,
            describe(error),
        )
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self.letters.write(record.key, record.value, headers)
            except Exception as failure:  # any failure is answered alike: wait, try again
                logger.error(
                    "%s: the dead letter cannot be written, next try in %.0f s: %s",
                    delivery.place,
                    pause,
                    describe(failure),
                )
                await self.pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                return

    def _reasons(self, delivery: Delivery, error: Exception) -> RawHeaders:
        record = delivery.record
        reasons = {
            "id": idempotency_key(record.topic, record.partition, record.offset),
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "timestamp": str(record.timestamp),
            "group": self.group,
            "service": self.service,
            "error-type": type(error).__qualname__,
            "error-message": str(error),
            "stack-trace": _stack(error),
            "attempts": str(delivery.attempts),
            "failed-at": str(time.time_ns() // 1_000_000),
            "replays": "0",
        }
        return [
            (
                f"x-dlq-{name}",
                _at_most(value, MAX_STACK_BYTES if name == "stack-trace" else MAX_MESSAGE_BYTES),
            )
            for name, value in reasons.items()
        ]


def describe(error: BaseException) -> str:
    """An error in one line of bounded length."""
    text = " ".join(str(error).split())
    return (
        f"{type(error).__qualname__}: {text}"[:MAX_MESSAGE_BYTES]
        if text
        else type(error).__qualname__
    )


def _stack(error: Exception) -> str:
    """Where it was raised, innermost last; lines of code only, no values of variables."""
    return "".join(traceback.format_tb(error.__traceback__))[-MAX_STACK_BYTES:]


def _at_most(text: str, size: int) -> bytes:
    encoded = text.encode(errors="replace")
    return encoded if len(encoded) <= size else encoded[:size].decode(errors="ignore").encode()

"""The ids of messages, and the hash under which a record is known as processed.

UUIDs are put together as text: `uuid.UUID` would take several times as long, for each message.
"""

import hashlib
import os
import time
from typing import Final
from uuid import UUID, uuid5

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit of RFC 9562's variant, of any digit."""
_UUID_BYTES: Final = 16


def new_correlation_id() -> str:
    """A new UUIDv4 (RFC 9562): the id of a chain."""
    digits = _random.digits(32)
    return _uuid(digits[:12], "4", digits[12:])


def new_message_id() -> str:
    """A new UUIDv7 (RFC 9562): ids of root messages sort by the time they were made."""
    return _uuid(f"{time.time_ns() // 1_000_000:012x}", "7", _random.digits(20))


def derived_message_id(cause: str, ordinal: int) -> str:
    """The id of what is emitted as number `ordinal`, from 0, while `cause` is handled.

    A handler that runs again emits the same ids, so a receiver can tell a repetition
    from a new message (standard, section 2). A UUIDv5 of the ordinal in the namespace
    of the cause; a cause that is no UUID is first made one.
    """
    try:
        namespace = bytes.fromhex(cause.replace("-", ""))
    except ValueError:
        namespace = b""
    if len(namespace) != _UUID_BYTES:
        namespace = uuid5(UUID(int=0), cause).bytes
    digits = hashlib.sha1(namespace + b"%d" % ordinal, usedforsecurity=False).hexdigest()
    return _uuid(digits[:12], "5", digits[12:32])


def idempotency_key(topic: str, partition: int, offset: int) -> str:
    """SHA-256 of `topic:partition:offset`, in hexadecimal (standard, section 6)."""
    return hashlib.sha256(f"{topic}:{partition}:{offset}".encode()).hexdigest()


def _uuid(first: str, version: str, rest: str) -> str:
    """A UUID of 12 and 20 digits; of the latter the first and the fifth give way."""
    return f"{first[:8]}-{first[8:]}-{version}{rest[1:4]}-{_VARIANT[rest[4]]}{rest[5:8]}-{rest[8:]}"


class _Random:
    """Digits of the system's random generator, which is asked for many at once."""

    def __init__(self) -> None:
        self._digits = ""
        self._used = 0

    def digits(self, count: int) -> str:
        """So many that nobody else is given."""
        begin = self._used
        end = begin + count
        if end > len(self._digits):
            self._digits = os.urandom(2048).hex()
            begin, end = 0, count
        self._used = end
        return self._digits[begin:end]

    def forget(self) -> None:
        """Begin anew."""
        self._digits = ""


_random = _Random()
# A forked process must not hand out the same ids as its parent.
os.register_at_fork(after_in_child=_random.forget)

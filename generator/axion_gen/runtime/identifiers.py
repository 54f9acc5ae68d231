"""The ids of messages, and the hash under which a record is known as processed."""

import hashlib
import os
import time
from uuid import UUID, uuid5


def new_message_id() -> str:
    """A new UUIDv7 (RFC 9562): ids of root messages sort by the time they were made."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    bits = (milliseconds & (1 << 48) - 1) << 80 | random
    bits = bits & ~(0xF << 76) | 0x7 << 76  # version
    bits = bits & ~(0x3 << 62) | 0x2 << 62  # variant
    return str(UUID(int=bits))


def derived_message_id(cause: str, ordinal: int) -> str:
    """The id of what is emitted as number `ordinal`, from 0, while `cause` is handled.

    A handler that runs again emits the same ids, so a receiver can tell a repetition
    from a new message (standard, section 2). A UUIDv5 of the ordinal in the namespace
    of the cause; a cause that is no UUID is first made one.
    """
    try:
        namespace = UUID(cause)
    except ValueError:
        namespace = uuid5(UUID(int=0), cause)
    return str(uuid5(namespace, str(ordinal)))


def idempotency_key(topic: str, partition: int, offset: int) -> str:
    """SHA-256 of `topic:partition:offset`, in hexadecimal (standard, section 6)."""
    return hashlib.sha256(f"{topic}:{partition}:{offset}".encode()).hexdigest()

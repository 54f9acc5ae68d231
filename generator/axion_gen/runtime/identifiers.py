"""The ids of messages, and the hash under which a record is known as processed."""

import hashlib
import os
import time
from uuid import UUID, uuid5


def new_correlation_id() -> str:
    """A new UUIDv4 (RFC 9562): the id of a chain."""
    return _uuid(int.from_bytes(os.urandom(16)), version=4)


def new_message_id() -> str:
    """A new UUIDv7 (RFC 9562): ids of root messages sort by the time they were made."""
    milliseconds = time.time_ns() // 1_000_000
    return _uuid(milliseconds << 80 | int.from_bytes(os.urandom(10)), version=7)


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
    digest = hashlib.sha1(namespace + str(ordinal).encode(), usedforsecurity=False).digest()
    return _uuid(int.from_bytes(digest[:_UUID_BYTES]), version=5)


def idempotency_key(topic: str, partition: int, offset: int) -> str:
    """SHA-256 of `topic:partition:offset`, in hexadecimal (standard, section 6)."""
    return hashlib.sha256(f"{topic}:{partition}:{offset}".encode()).hexdigest()


def _uuid(bits: int, version: int) -> str:
    """The text of a UUID; `uuid.UUID` would take four times as long, for each message."""
    bits = bits & ~(0xF << 76) | version << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62  # variant
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_UUID_BYTES = 16

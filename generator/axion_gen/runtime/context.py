"""The context of a message or request: who started the chain, and what caused what.

It is set around each handler and each HTTP request, so what is emitted there inherits
it and nobody passes it by hand (standard, section 2).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Generic, TypeVar
from uuid import UUID, uuid4

from .errors import MetadataError
from .headers import (
    CAUSATION_ID,
    CORRELATION_ID,
    MESSAGE_ID,
    PROJECT_ID,
    USER_ID,
    Headers,
    RawHeaders,
    checked,
)
from .identifiers import derived_message_id, new_message_id

ClientT = TypeVar("ClientT")
IdentityT = TypeVar("IdentityT", bound=str | None)


@dataclass(frozen=True)  # no slots: Context[...](...) fails with them
class Context(Generic[ClientT, IdentityT]):
    """What a handler knows of the message it handles, and the client to answer with."""

    client: ClientT
    topic: str
    """The channel's address in the contract, without `KAFKA_TOPIC_PREFIX`."""
    partition: int
    offset: int
    key: bytes | None
    headers: RawHeaders
    """All headers of the record, ours and others, as they came."""
    message_id: str
    message_type: str
    correlation_id: str
    causation_id: str
    user_id: IdentityT
    project_id: IdentityT
    timestamp: datetime
    """When the message was made, by its producer's clock: it informs and orders nothing."""
    attempt: int
    """How many times this message was tried before, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Says of a message to be emitted what context does not say, or says otherwise."""

    user_id: str | UUID | None = None
    project_id: str | UUID | None = None
    trace_id: str | UUID | None = None
    """The correlation id of the chain, a UUID; a new one starts a new chain."""
    causation_id: str | UUID | None = None
    message_id: str | UUID | None = None
    """A UUID; give the same one again to say that it is the same message."""


@dataclass(slots=True)
class Scope:
    """What everything emitted within it inherits."""

    correlation_id: str
    user_id: str | None
    project_id: str | None
    message_id: str | None = None
    """The message being handled; none in an HTTP request."""
    causation_id: str | None = None
    """What caused an HTTP request, if its client said so."""
    ordinals: Iterator[int] = field(default_factory=count)


_current: ContextVar[Scope | None] = ContextVar("axion_scope", default=None)


@contextmanager
def scope(new: Scope) -> Iterator[None]:
    """Make `new` the context of what is emitted within."""
    token = _current.set(new)
    try:
        yield
    finally:
        _current.reset(token)


def log_context() -> dict[str, str]:
    """The ids of the message or request at hand, by the names a log line gives them."""
    current = _current.get()
    if current is None:
        return {}
    ids = {
        "correlation_id": current.correlation_id,
        "message_id": current.message_id,
        "user_id": current.user_id,
        "project_id": current.project_id,
    }
    return {name: value for name, value in ids.items() if value is not None}


def complete(metadata: Metadata | None, message_type: str) -> Headers:
    """The headers of a message about to be emitted: explicit metadata, else context.

    Raises:
        MetadataError: user or project are not known, or a value is none for its header.
    """
    given = metadata or _NOTHING
    current = _current.get() or _NO_SCOPE
    if given.message_id is not None:
        message_id = checked(MESSAGE_ID, str(given.message_id))
    elif current.message_id is not None:
        message_id = derived_message_id(current.message_id, next(current.ordinals))
    else:
        message_id = new_message_id()
    return Headers(
        correlation_id=_first(CORRELATION_ID, given.trace_id, current.correlation_id)
        or str(uuid4()),
        causation_id=_first(
            CAUSATION_ID, given.causation_id, current.message_id, current.causation_id
        )
        or message_id,
        user_id=_known(USER_ID, given.user_id, current.user_id),
        project_id=_known(PROJECT_ID, given.project_id, current.project_id),
        timestamp=time.time_ns() // 1_000_000,
        message_id=message_id,
        message_type=message_type,
    )


def _first(header: str, *values: str | UUID | None) -> str | None:
    for value in values:
        if value is not None and value != "":
            return checked(header, str(value))
    return None


def _known(header: str, *values: str | UUID | None) -> str:
    value = _first(header, *values)
    if value is None:
        raise MetadataError(
            f"{header} is not known: emit within a handler or a request that carries it,"
            f" or pass metadata=Metadata({header[2:].replace('-', '_')}=...)"
        )
    return value


_NOTHING = Metadata()
_NO_SCOPE = Scope(correlation_id="", user_id=None, project_id=None)

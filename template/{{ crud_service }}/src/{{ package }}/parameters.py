"""What requests say beside their bodies: who asks, which key, which version, which page."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID, uuid4

from fastapi import Depends, Header, HTTPException, Query

from .bus.runtime import identity

VERSION: Final = r'^("[1-9][0-9]{0,17}"|\*)$'
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[datetime, UUID]


async def project(
    x_user_id: Annotated[str, Header()],
    x_project_id: Annotated[str, Header()],
) -> str:
    """The caller's project: what is read and changed is in it, and nothing else is there.

    It is the one that the middleware has read from the headers, so that a command on Kafka
    and a read over HTTP can never mean different ones.
    """
    known = identity()
    if known.user_id is None or known.project_id is None:
        raise HTTPException(400, "x-user-id and x-project-id take one well-formed value each")
    return known.project_id


def idempotency_key(
    idempotency_key: Annotated[UUID, Header(default_factory=uuid4)],
) -> UUID:
    """The request's key; a request without one is like no other."""
    return idempotency_key


def expected_version(
    if_match: Annotated[str, Header(pattern=VERSION)] = "*",
) -> dict[str, int]:
    """The version that `If-Match` names as an ETag has it, the way a command takes it."""
    return {} if if_match == "*" else {"expected_version": int(if_match.strip('"'))}


def write_cursor(created_at: datetime, id: UUID) -> str:
    """The place of a row in the order of pages: opaque, so that the order may change some day."""
    micros = (created_at - BEGINNING) // timedelta(microseconds=1)
    return urlsafe_b64encode(struct.pack(">q16s", micros, id.bytes)).decode()


def read_cursor(cursor: Annotated[str, Query(max_length=100)] = "") -> Place | None:
    """The place that `write_cursor` has written; none for the first page."""
    if not cursor:
        return None
    try:
        micros, id = struct.unpack(">q16s", urlsafe_b64decode(cursor))
        return BEGINNING + timedelta(microseconds=micros), UUID(bytes=id)
    except (struct.error, ValueError, OverflowError):
        raise HTTPException(400, "cursor is not one that a page has given as `next`") from None


InProject = Annotated[str, Depends(project)]
Key = Annotated[UUID, Depends(idempotency_key)]
Expected = Annotated[dict[str, int], Depends(expected_version)]
After = Annotated[Place | None, Depends(read_cursor)]
Limit = Annotated[int, Query(ge=1, le=200)]

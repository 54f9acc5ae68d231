"""Probes: whether the process lives, and whether it may be sent requests."""

from fastapi import APIRouter, HTTPException, Request
from sqlalchemy.exc import SQLAlchemyError

from .bus.kafka import Bus
from .database import Database

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers. An outage of Kafka or the database is no reason to restart it."""
    return {"status": "live"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, str]:
    """The group is joined, with partitions or without, and the database answers."""
    bus: Bus = request.app.state.bus
    database: Database = request.app.state.database
    if not bus.ready:
        raise HTTPException(503, "the consumer group is not joined yet")
    try:
        await database.ping()
    except (SQLAlchemyError, OSError):
        raise HTTPException(503, "the database does not answer") from None
    return {"status": "ready"}

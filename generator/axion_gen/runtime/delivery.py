"""One record on its way to its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

from .contract import Message, Topic
from .headers import Headers, Record


@dataclass(slots=True)
class Delivery:
    """A record, and what the interceptors have learned of it so far."""

    record: Record
    topic: Topic
    headers: Headers | None = None
    message: Message[BaseModel] | None = None
    payload: BaseModel | None = None
    attempts: int = 0
    """How often the handler has been called for it."""

    @property
    def place(self) -> str:
        """Where the record is, for people: topic, partition and offset."""
        record = self.record
        return f"{record.topic}[{record.partition}]@{record.offset}"


Handle = Callable[[Delivery], Awaitable[None]]
"""Handles a delivery to its end, or raises what went wrong."""

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds, while others may use the handler's place."""

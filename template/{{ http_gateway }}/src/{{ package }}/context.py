"""Which request the code at hand is about: its correlation id, for logs and answers."""

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CORRELATION_ID = "x-correlation-id"

_correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")


def correlation_id() -> str:
    """The id of the request at hand; empty outside of requests."""
    return _correlation_id.get()


def add_context(
    logger: object,
    method: str,
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Give a log line the id of its request: a processor of structlog."""
    if known := correlation_id():
        event.setdefault("correlation_id", known)
    return event


class Correlation:
    """Begins a chain with each request: a new id, on the response and on all that is logged.

    A client's own id is not taken over: two requests of one id could not be told apart.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        new = str(uuid4())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                name = CORRELATION_ID.encode()
                kept = [header for header in message["headers"] if header[0].lower() != name]
                message["headers"] = [*kept, (name, new.encode())]
            await send(message)

        token = _correlation_id.set(new)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _correlation_id.reset(token)

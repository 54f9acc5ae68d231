"""HTTP requests as the start of chains: an ASGI middleware, for any framework."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .context import Request, current
from .errors import StartError
from .headers import CAUSATION_ID, CORRELATION_ID, PROJECT_ID, USER_ID, fault_of
from .identifiers import new_correlation_id

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Event, Receive, Send], Awaitable[None]]


class BusMiddleware:
    """Makes a request's `x-…` headers the context of what the request emits.

    A header that is missing or malformed is unknown, and emitting says so; a correlation id
    is made where none came, and goes back on the response (standard, section 2). User and
    project are believed as they come: who may send them is for the gateway to decide.

    It belongs around the whole application, `BusMiddleware(app)`: Starlette answers errors that
    nobody caught outside of what `add_middleware` adds.

    A `StartError` in the application's lifespan becomes one line instead of a traceback.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, request: Event, receive: Receive, send: Send) -> None:
        """Handle one request, or the application's lifespan."""
        if request["type"] == "lifespan":
            await self._lifespan(request, receive, send)
        elif request["type"] == "http":
            await self._http(request, receive, send)
        else:
            await self._app(request, receive, send)

    async def _http(self, request: Event, receive: Receive, send: Send) -> None:
        headers = _values(request["headers"])
        correlation_id = headers.get(CORRELATION_ID) or new_correlation_id()

        name = CORRELATION_ID.encode()

        async def send_with_id(event: Event) -> None:
            if event["type"] == "http.response.start":
                kept = [header for header in event.get("headers", ()) if header[0].lower() != name]
                event["headers"] = [*kept, (name, correlation_id.encode())]
            await send(event)

        inherited = Request(
            correlation_id=correlation_id,
            user_id=headers.get(USER_ID),
            project_id=headers.get(PROJECT_ID),
            causation_id=headers.get(CAUSATION_ID),
        )
        token = current.set(inherited)
        try:
            await self._app(request, receive, send_with_id)
        finally:
            current.reset(token)

    async def _lifespan(self, request: Event, receive: Receive, send: Send) -> None:
        said = False

        async def send_line(event: Event) -> None:
            nonlocal said
            # The framework sends its traceback from within the handling of the error.
            error = sys.exception()
            if event["type"] == "lifespan.startup.failed" and isinstance(error, StartError):
                event = {**event, "message": str(error)}
                said = True
            await send(event)

        try:
            await self._app(request, receive, send_line)
        except StartError:
            if not said:  # a server that hears of nothing goes on without the bus
                raise


def _values(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The well-formed values of our headers; one that comes twice is not believed."""
    found: dict[str, list[str]] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name in _READ:
            found.setdefault(name, []).append(raw_value.decode(errors="replace"))
    return {
        name: values[0]
        for name, values in found.items()
        if len(values) == 1 and fault_of(name, values[0]) is None
    }


_READ = frozenset((CORRELATION_ID, CAUSATION_ID, USER_ID, PROJECT_ID))

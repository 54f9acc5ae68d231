"""The way of a request: who calls, which service answers, and what goes there and comes back."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Final

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .context import CORRELATION_ID, correlation_id
from .metrics import Metrics
from .routes import escapes, find
from .settings import Settings
from .tokens import Caller, Tokens
from .upstream import Headers, ServiceAwayError, ServiceTimeoutError, Upstream

logger = logging.getLogger(__name__)

OURS: Final = frozenset(
    {
        *("x-user-id", "x-project-id", CORRELATION_ID, "x-causation-id"),
        *("x-message-id", "x-message-type", "x-timestamp"),
    }
)
"""Headers of the messaging standard: services believe them, so none of a client's goes through."""
KEPT_BACK: Final = frozenset({"authorization"})
"""The token ends here: with it a service could call another in the caller's name."""
HOP_BY_HOP: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Of one connection, not of the message (RFC 9110, section 7.6.1)."""
DIGITS: Final = 18
"""Of a length that anybody means."""
FRAMING: Final = frozenset({"content-length", "expect"})
"""The body is read here whole, and is sent on as it was read."""
CLOSE: Final = {"Connection": "close"}
"""Where the rest of a body is not wanted any more."""
LINGER_S: Final = 1.0
SERVERS: Final = frozenset({"date", "server", CORRELATION_ID})
"""Of the gateway's own server on the way back."""


class Gateway:
    """An ASGI application that answers with what a service answers to the caller."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        upstream: Upstream,
        metrics: Metrics,
    ) -> None:
        self._routes = settings.routes
        self._max_body_bytes = settings.http_max_body_bytes
        self._timeout_s = settings.upstream_timeout_s
        self._tokens = tokens
        self._upstream = upstream
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        began = time.monotonic()
        route, status = "", 500
        try:
            caller = await self._tokens.caller(_only(request, "authorization"))
            path, target = _target(request)
            found = find(self._routes, path)
            if found is None:
                raise HTTPException(404, "no service answers to this path")
            route = found
            response = await self._forward(request, self._routes[route], target, caller)
            status = response.status_code
        except HTTPException as error:
            status = error.status_code
            logger.info("%d: %s", status, error.detail)
            raise
        finally:
            self._metrics.observe(route, status, time.monotonic() - began)
        return response

    async def _forward(
        self,
        request: Request,
        service: str,
        target: bytes,
        caller: Caller,
    ) -> Response:
        body = await self._body(request)
        headers = [
            *_end_to_end(request.headers.raw, without=OURS | KEPT_BACK | FRAMING),
            (b"x-user-id", caller.user_id.encode()),
            (b"x-project-id", caller.project_id.encode()),
            (CORRELATION_ID.encode(), correlation_id().encode()),
        ]
        if body or "content-length" in request.headers:
            headers.append((b"content-length", str(len(body)).encode()))
        try:
            answer = await self._upstream.forward(request.method, service, target, headers, body)
        except ServiceTimeoutError:
            raise HTTPException(504, "the service has not answered in time") from None
        except ServiceAwayError as error:
            logger.warning("a service is away: %s", error)
            raise HTTPException(502, "the service cannot be reached") from None
        except ValueError:
            raise HTTPException(400, "the path is malformed") from None
        return PassedOn(answer)

    async def _body(self, request: Request) -> bytes:
        """The whole body, if it is not too large and comes in time."""
        declared = _only(request, "content-length") or "0"
        size = int(declared) if len(declared) <= DIGITS else self._max_body_bytes + 1
        body, chunks = bytearray(), request.stream()
        try:
            async with asyncio.timeout(self._timeout_s):
                if size <= self._max_body_bytes:
                    async for chunk in chunks:
                        body += chunk
                        if len(body) > self._max_body_bytes:
                            break
        except TimeoutError:
            raise HTTPException(408, "the body has not come in time", CLOSE) from None
        except ClientDisconnect:
            raise HTTPException(400, "the body has not come whole") from None
        if max(size, len(body)) > self._max_body_bytes:
            if "expect" not in request.headers:  # then the client waits for the answer
                await _linger(chunks)
            raise HTTPException(413, f"the body is larger than {self._max_body_bytes} bytes", CLOSE)
        return bytes(body)


async def _linger(chunks: AsyncIterator[bytes]) -> None:
    """Let a client send on for a moment: one that is cut off sees no answer."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LINGER_S):
            async for _ in chunks:
                pass


class PassedOn(StreamingResponse):
    """A service's answer, as it comes; if the client leaves, the service is told."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.aiter_raw(), answer.status_code)
        self.raw_headers = _end_to_end(answer.headers.raw, without=SERVERS)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


def _target(request: Request) -> tuple[str, bytes]:
    """The path as it came, and the path with its query."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    try:
        path = raw.decode("ascii")
    except UnicodeDecodeError:
        raise HTTPException(400, "the path is malformed") from None
    if escapes(path):
        raise HTTPException(400, "the path has segments that lead elsewhere")
    query: bytes = request.scope["query_string"]
    return path, raw + b"?" + query if query else raw


def _only(request: Request, name: str) -> str | None:
    """A header's value; one that comes twice is nobody's."""
    values = request.headers.getlist(name)
    return values[0] if len(values) == 1 else None


def _end_to_end(headers: Iterable[tuple[bytes, bytes]], *, without: frozenset[str]) -> Headers:
    """Headers that are meant for the other end, but those of some names."""
    came = [(_name(raw), raw, value) for raw, value in headers]
    dropped = HOP_BY_HOP | without
    for name, _, value in came:
        if name == "connection":
            dropped |= {each.strip().lower() for each in value.decode("latin-1").split(",")}
    dropped -= {"host"}
    return [(raw, value) for name, raw, value in came if name not in dropped]


def _name(raw: bytes) -> str:
    """A header's name as the most forgiving service reads it."""
    return raw.decode("latin-1").lower().replace("_", "-")

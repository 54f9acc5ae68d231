"""Requests to others: a request passed on to its service, and documents of the issuer."""

import asyncio
from typing import Any, Final

import httpx

Headers = list[tuple[bytes, bytes]]

IDLE_S: Final = 2.0
"""A connection idle for so long is not used again: uvicorn closes its end after 5 s."""
CONNECTIONS: Final = 1000
CONNECT_TIMEOUT_S: Final = 5.0


class ServiceTimeoutError(Exception):
    """The service has not answered in time."""


class ServiceAwayError(Exception):
    """The service cannot be reached, or what it answers is no HTTP."""


class Upstream:
    """Connections to services. Each request stands alone: no cookies, redirects or proxies."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_S),
        )

    async def forward(
        self,
        method: str,
        service: str,
        target: bytes,
        headers: Headers,
        body: bytes,
    ) -> httpx.Response:
        """The answer of a service, its body still to be read; whoever calls closes it.

        Raises:
            ServiceTimeoutError: its head has not come within the time limit.
            ServiceAwayError: there will be none.
            ValueError: the target is none that can be asked for.
        """
        try:
            url = httpx.URL(service).copy_with(raw_path=target)
        except httpx.InvalidURL as error:
            raise ValueError(f"{error}") from None
        request = httpx.Request(
            method,
            url,
            headers=headers,
            content=body or None,
            extensions={"timeout": self._limits()},
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._transport.handle_async_request(request)
        except (TimeoutError, httpx.TimeoutException):
            raise ServiceTimeoutError(service) from None
        except httpx.TransportError as error:
            raise ServiceAwayError(f"{service}: {error}") from None

    async def fetch(self, url: str) -> Any:
        """A JSON document.

        Raises:
            OSError: it cannot be had.
            ValueError: it is no JSON.
        """
        request = httpx.Request("GET", url, extensions={"timeout": self._limits()})
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._transport.handle_async_request(request)
                try:
                    await response.aread()
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TransportError) as error:
            raise OSError(f"{url} does not answer: {error!r}") from None
        if response.status_code != httpx.codes.OK:
            raise OSError(f"{url} answers {response.status_code}")
        return response.json()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    def _limits(self) -> dict[str, float | None]:
        connect_s = min(CONNECT_TIMEOUT_S, self._timeout_s)
        return httpx.Timeout(self._timeout_s, connect=connect_s).as_dict()

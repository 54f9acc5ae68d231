"""What the platform asks of an instance: three probes, and metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .bus.runtime import Bus
from .bus.runtime.metrics import BusCollector

PROBE_TIMEOUT_S: Final = 2.0

Check = Callable[[], Awaitable[None]]
"""Raises what is wrong."""


def monitoring(
    bus: Bus[Any, Any],
    blueprint: str,
    *,
    ready: Check | None = None,
    started: Check | None = None,
) -> list[Route]:
    """The routes `/health/live`, `/health/ready`, `/health/started` and `/metrics`.

    Args:
        bus: what the service does on Kafka.
        blueprint: what the service was made from, for `axion_build_info`.
        ready: what readiness needs beside the bus.
        started: what must hold before the service can work at all.
    """
    registry = CollectorRegistry()
    registry.register(BusCollector(bus, blueprint=blueprint))
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)

    async def live_probe(_request: Request) -> Response:
        """The consumer goes round; an outage of Kafka or a database is no reason to restart."""
        return _answer(holds=bus.health.alive, reasons=bus.health.reasons)

    async def ready_probe(_request: Request) -> Response:
        """The group is joined, with partitions or without, and what is needed answers."""
        faults = await _faults(ready)
        health = bus.health
        return _answer(holds=health.ready and not faults, reasons=(*faults, *health.reasons))

    async def started_probe(_request: Request) -> Response:
        faults = await _faults(started)
        return _answer(holds=not faults, reasons=faults)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return [
        Route("/health/live", live_probe),
        Route("/health/ready", ready_probe),
        Route("/health/started", started_probe),
        Route("/metrics", metrics),
    ]


async def _faults(check: Check | None) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            if check is not None:
                await check()
    except TimeoutError:
        return (f"no answer within {PROBE_TIMEOUT_S:g} s",)
    except Exception as error:  # a probe says what is wrong, whatever it is
        return (str(error),)
    return ()


def _answer(*, holds: bool, reasons: tuple[str, ...]) -> JSONResponse:
    return JSONResponse({"holds": holds, "reasons": reasons}, 200 if holds else 503)

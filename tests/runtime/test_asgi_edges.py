"""What an application may do that the middleware stands around."""

from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from axion_gen.runtime import Metadata, MetadataError, StartError
from axion_gen.runtime.asgi import App, BusMiddleware, Event, Receive, Send

from .items import ItemCreate, MemoryBus, Quiet


async def test_the_response_has_one_correlation_id() -> None:
    async def forward(_: Request) -> Response:
        return Response(headers={"X-Correlation-Id": "of another service", "x-other": "kept"})

    app = Starlette(routes=[Route("/", forward)])
    app.add_middleware(BusMiddleware)
    trace = str(uuid4())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://items") as client:
        response = await client.get("/", headers={"x-correlation-id": trace})
    assert response.headers.get_list("x-correlation-id") == [trace]
    assert response.headers["x-other"] == "kept"


async def test_an_error_that_nobody_caught_is_answered_with_the_correlation_id() -> None:
    async def fails(_: Request) -> Response:
        raise LookupError

    app: App = BusMiddleware(Starlette(routes=[Route("/", fails)]))
    trace = str(uuid4())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://items") as client:
        response = await client.get("/", headers={"x-correlation-id": trace})
    assert (response.status_code, response.headers["x-correlation-id"]) == (500, trace)


async def test_a_failed_start_that_the_application_does_not_tell_is_raised() -> None:
    """Else a server takes it for an application without a lifespan, and goes on."""

    async def fails(request: Event, receive: Receive, send: Send) -> None:
        raise StartError("no Kafka broker answers")

    async def receive() -> Event:
        return {}

    async def send(event: Event) -> None: ...

    app: App = BusMiddleware(fails)
    with pytest.raises(StartError):
        await app({"type": "lifespan"}, receive, send)


@pytest.mark.parametrize("value", ["\ud800", "a" * 1023 + "\udfff"])
async def test_metadata_that_no_header_can_carry_is_refused_by_name(value: str) -> None:
    bus = MemoryBus(Quiet())
    with pytest.raises(MetadataError, match="x-user-id is not UTF-8"):
        await bus.client.emit(
            "item.commands",
            ItemCreate(id=uuid4(), name="cup"),
            metadata=Metadata(user_id=value, project_id="looms"),
        )

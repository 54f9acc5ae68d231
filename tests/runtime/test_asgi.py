"""HTTP headers are the context of what a request emits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from axion_gen.runtime import MetadataError, StartError
from axion_gen.runtime.asgi import BusMiddleware

from .items import ItemCreate, MemoryBus, Quiet

WHO = {"x-user-id": "ada", "x-project-id": "looms"}


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(Quiet())


@pytest.fixture
async def http(bus: MemoryBus) -> AsyncIterator[httpx.AsyncClient]:
    async def create(_: Request) -> Response:
        try:
            await bus.client.emit("item.commands", ItemCreate(id=uuid4(), name="cup"))
        except MetadataError as error:
            return Response(str(error), 400)
        return Response(status_code=202)

    app = Starlette(routes=[Route("/items", create, methods=["POST"])])
    app.add_middleware(BusMiddleware)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://items") as client:
        yield client


async def test_a_request_starts_the_chain_of_what_it_emits(
    http: httpx.AsyncClient, bus: MemoryBus
) -> None:
    trace = str(uuid4())
    response = await http.post("/items", headers={**WHO, "x-correlation-id": trace})
    assert response.headers["x-correlation-id"] == trace
    (command,) = bus.emitted
    assert command.correlation_id == trace
    assert (command.user_id, command.project_id) == ("ada", "looms")
    assert command.causation_id == command.message_id


async def test_what_caused_the_request_caused_what_it_emits(
    http: httpx.AsyncClient, bus: MemoryBus
) -> None:
    await http.post("/items", headers={**WHO, "x-causation-id": "the button"})
    assert bus.emitted[0].causation_id == "the button"


async def test_a_correlation_id_is_made_and_returned(
    http: httpx.AsyncClient, bus: MemoryBus
) -> None:
    response = await http.post("/items", headers={**WHO, "x-correlation-id": "no uuid"})
    assert response.headers["x-correlation-id"] == bus.emitted[0].correlation_id != "no uuid"


@pytest.mark.parametrize(
    "headers",
    [
        [("x-user-id", "ada")],
        [*WHO.items(), ("x-project-id", "other")],
        [("x-user-id", "ada"), ("x-project-id", "a" * 2000)],
    ],
)
async def test_who_is_not_known_for_sure_is_not_known(
    http: httpx.AsyncClient, bus: MemoryBus, headers: list[tuple[str, str]]
) -> None:
    response = await http.post("/items", headers=headers)
    assert (response.status_code, bus.emitted) == (400, [])
    assert "x-project-id is not known" in response.text


async def test_a_failed_start_is_one_line() -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        raise StartError("no Kafka broker answers")
        yield

    app = Starlette(lifespan=lifespan)
    app.add_middleware(BusMiddleware)
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(event: object) -> None:
        sent.append(event)

    await app({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": "no Kafka broker answers"}]

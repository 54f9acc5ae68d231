"""What a client and a service see of each other."""

import asyncio
from collections.abc import AsyncIterator

from httpx import AsyncClient, Response
from starlette.responses import PlainTextResponse, StreamingResponse

from .conftest import MAX_BODY_BYTES, Service


def assert_problem(response: Response, status: int, detail: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert detail in problem["detail"]
    assert problem["correlation_id"] == response.headers["x-correlation-id"]


async def test_a_request_goes_to_its_service_and_back(
    gateway: AsyncClient,
    service: Service,
) -> None:
    service.answer = PlainTextResponse("made", 201, {"location": "/things/1", "etag": '"1"'})
    service.answer.raw_headers.append((b"set-cookie", b"a=1"))
    service.answer.raw_headers.append((b"set-cookie", b"b=2"))
    answer = await gateway.post(
        "/things/a%2Fb?x=1&x=%C3%A9",
        content=b"body",
        headers={"accept": "text/plain"},
    )

    assert (answer.status_code, answer.text) == (201, "made")
    assert answer.headers["location"] == "/things/1"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    (seen,) = service.seen
    assert (seen.method, service.bodies) == ("POST", [b"body"])
    assert seen.scope["raw_path"] == b"/things/a%2Fb"
    assert seen.scope["query_string"] == b"x=1&x=%C3%A9"
    assert service.headers("accept") == ["text/plain"]


async def test_the_caller_is_who_the_token_names(gateway: AsyncClient, service: Service) -> None:
    await gateway.get(
        "/things",
        headers=[
            ("x-user-id", "eve"),
            ("X-Project-ID", "hers"),
            ("x_user_id", "eve"),
            ("X_Project-Id", "hers"),
            ("x-correlation-id", "mine"),
            ("x-causation-id", "mine"),
            ("x-message-id", "mine"),
            ("x-timestamp", "0"),
            ("connection", "x-user-id, x-project-id, host"),
        ],
    )

    assert service.headers("x-user-id") == ["ada"]
    assert service.headers("x-project-id") == ["looms"]
    said = str(service.seen[-1].headers.raw)
    for forged in ("eve", "hers", "mine", "x-timestamp", "bearer"):
        assert forged not in said.lower()


async def test_each_request_begins_a_chain(gateway: AsyncClient, service: Service) -> None:
    ids = []
    for _ in range(2):
        answer = await gateway.get("/things", headers={"x-correlation-id": "mine"})
        assert service.headers("x-correlation-id") == [answer.headers["x-correlation-id"]]
        ids.append(answer.headers["x-correlation-id"])
    assert len(set(ids)) == 2


async def test_a_slow_service_is_given_up(gateway: AsyncClient, service: Service) -> None:
    service.takes_s = 1
    assert_problem(await gateway.get("/things"), 504, "not answered in time")


async def test_a_service_that_is_away(gateway: AsyncClient) -> None:
    assert_problem(await gateway.get("/away"), 502, "cannot be reached")


async def test_a_large_body_is_refused(gateway: AsyncClient, service: Service) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES):
            yield b"xx"

    largest = await gateway.post("/things", content=b"x" * MAX_BODY_BYTES)
    assert largest.status_code == 200
    declared = await gateway.post("/things", content=b"x" * (MAX_BODY_BYTES + 1))
    assert_problem(declared, 413, f"larger than {MAX_BODY_BYTES} bytes")
    streamed = await gateway.post("/things", content=chunks())
    assert_problem(streamed, 413, f"larger than {MAX_BODY_BYTES} bytes")
    assert service.bodies == [b"x" * MAX_BODY_BYTES]


async def test_a_body_that_does_not_come_is_given_up(
    gateway: AsyncClient,
    service: Service,
) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(1)

    assert_problem(await gateway.post("/things", content=stalled()), 408, "not come in time")
    assert service.seen == []


async def test_what_a_service_streams_is_passed_on(gateway: AsyncClient, service: Service) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"{number}\n".encode()
            await asyncio.sleep(0.3)  # in all longer than a service may take to begin

    service.answer = StreamingResponse(slowly())
    async with gateway.stream("GET", "/things") as answer:
        lines = [line async for line in answer.aiter_lines()]
    assert lines == ["0", "1", "2"]


async def test_a_client_that_leaves_is_told_of(gateway: AsyncClient, service: Service) -> None:
    left = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more\n"
                await asyncio.sleep(0.01)
        finally:
            left.set()

    service.answer = StreamingResponse(endless())
    async with gateway.stream("GET", "/things") as answer:
        assert await anext(answer.aiter_lines()) == "more"
    async with asyncio.timeout(5):
        await left.wait()


PATHS = {
    "/things": 200,
    "/things/": 200,
    "/things/1/parts": 200,
    "/things/...": 200,
    "/thingsandmore": 404,
    "/": 404,
    "//things": 404,
    "/Things": 404,
    "/things/%2e%2e/metrics": 400,
    "/things/..%2fmetrics": 400,
    "/things/..%5cmetrics": 400,
}


async def test_paths(gateway: AsyncClient, service: Service) -> None:
    for path, status in PATHS.items():
        answer = await gateway.get(path)
        assert answer.status_code == status, path
    reached = [request.scope["raw_path"].decode() for request in service.seen]
    assert reached == [path for path, status in PATHS.items() if status == 200]


async def test_what_the_platform_asks(gateway: AsyncClient) -> None:
    await gateway.get("/things/1")
    await gateway.get("/nowhere")
    del gateway.headers["authorization"]
    for probe in ("live", "ready", "started"):
        assert (await gateway.get(f"/health/{probe}")).status_code == 200
    shown = (await gateway.get("/metrics")).text
    assert 'axion_gateway_requests_total{route="/things",status="200"} 1.0' in shown
    assert 'axion_gateway_requests_total{route="",status="404"} 1.0' in shown
    assert "axion_gateway_keys_at_hand 1.0" in shown

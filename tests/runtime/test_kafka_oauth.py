"""Tokens come from an endpoint that may be slow, broken or hostile."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # ships no types

from axion_gen.runtime.kafka import oauth
from axion_gen.runtime.kafka.oauth import ClientCredentials, TokenRefusedError

SECRET = "hunter2"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Endpoint(ThreadingHTTPServer):
    """Answers as a test has it, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = token(expires_in=3600)
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_port}/token"
        self.credentials = ClientCredentials(self.url, "items", SECRET, None)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.server.answer(self)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, args=(0.05,))
        thread.start()
        yield endpoint
        endpoint.shutdown()
        thread.join()


def answer(status: int, body: bytes, **headers: str) -> Answer:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


def token(**content: object) -> Answer:
    return answer(200, json.dumps({"access_token": "a.b.c", **content}).encode())


async def test_a_token_is_kept_until_shortly_before_its_end(endpoint: Endpoint) -> None:
    credentials = endpoint.credentials
    assert await asyncio.gather(*(credentials.token() for _ in range(5))) == ["a.b.c"] * 5
    assert endpoint.asked == 1
    credentials = ClientCredentials(endpoint.url, "items", SECRET, None)
    endpoint.answer = token(expires_in=0)
    await credentials.token()
    await credentials.token()
    assert endpoint.asked == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(401, b"{}"), "answers with 401"),
        (answer(302, b"", location="http://127.0.0.1:1/"), "answers with 302"),
        (answer(200, b"<html>"), "holds no access_token"),
        (answer(200, b"[]"), "holds no access_token"),
        (answer(200, b'{"access_token": "a", "expires_in": "soon"}'), "holds no access_token"),
        (answer(200, b'{"access_token": "a\\u0001b"}'), "is no token"),
        (answer(200, b'{"access_token": 7}'), "is no token"),
        (answer(200, b" " * 70_000), "exceeds 65536 bytes"),
    ],
)
async def test_an_endpoint_that_gives_none(endpoint: Endpoint, given: Answer, said: str) -> None:
    endpoint.answer = given
    with pytest.raises(TokenRefusedError, match=said) as raised:
        await endpoint.credentials.token()
    assert SECRET not in str(raised.value)
    assert endpoint.asked == 1


async def test_an_endpoint_that_is_out_of_order_is_asked_again(endpoint: Endpoint) -> None:
    endpoint.answer = answer(503, b"")
    with pytest.raises(KafkaError, match="answers with 503") as raised:
        await endpoint.credentials.token()
    assert raised.value.retriable
    endpoint.answer = token()
    assert await endpoint.credentials.token() == "a.b.c"


async def test_an_endpoint_that_takes_too_long(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "TIMEOUT_S", 0.2)
    free = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not free.wait(0.05):
            handler.wfile.write(b" ")

    def hang(_: BaseHTTPRequestHandler) -> None:
        free.wait()

    for given in (drip, hang):
        endpoint.answer = given
        with pytest.raises((KafkaError, TimeoutError)):
            await endpoint.credentials.token()
    free.set()


async def test_no_proxy_reads_a_secret(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    credentials = ClientCredentials(endpoint.url, "items", SECRET, None)
    assert await credentials.token() == "a.b.c"

"""A copied http-gateway in front of a copied crud-service, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from jwt.algorithms import ECAlgorithm

from axion_gen.runtime.testing import EmbeddedBroker

from .conftest import copy, in_service
from .test_service import free_port

PATIENCE_S = 30
TIMEOUT_S = 1
MAX_BODY_BYTES = 10_000
TOPICS = {"item.commands": 3, "item.events": 3, "items-dlq": 1, "items-replay": 1}


@dataclass
class Issuer:
    """Signs tokens with its newest key, and shows all of them."""

    url: str = ""
    keys: dict[str, EllipticCurvePrivateKey] = field(default_factory=dict)

    def rotate(self) -> None:
        self.keys[str(uuid4())] = generate_private_key(SECP256R1())

    def token(self, key: EllipticCurvePrivateKey | None = None, **claims: object) -> str:
        said = {
            "iss": self.url,
            "aud": "gateway",
            "sub": "ada",
            "project_id": "looms",
            "exp": int(time.time()) + 60,
        }
        key_id = list(self.keys)[-1]
        return jwt.encode(said | claims, key or self.keys[key_id], "ES256", {"kid": key_id})

    def key_set(self) -> bytes:
        keys = [
            {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id}
            for key_id, key in self.keys.items()
        ]
        return json.dumps({"keys": keys}).encode()


@dataclass(frozen=True)
class Platform:
    """The parts of it that tests touch."""

    gateway: httpx.Client
    service: httpx.Client
    service_pid: int
    issuer: Issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    issuer.rotate()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(issuer.key_set())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        yield issuer
        server.shutdown()


@contextmanager
def serving(service: Path, package: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A service as a process, once it is ready."""
    process = subprocess.Popen(
        (sys.executable, "-m", package),
        cwd=service,
        env={**os.environ, "PYTHONPATH": "src", **settings},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(f"http://127.0.0.1:{settings['HTTP_PORT']}/health/ready"):
            assert process.poll() is None, f"{package} has ended"
            assert time.monotonic() < deadline, f"{package} is not ready"
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(PATIENCE_S)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def platform(
    template: Path, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    items = copy(template, folder / "items")
    gateway = copy(template, folder / "gateway", {"blueprint": "http-gateway"})
    ports = free_port(), free_port()
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    database = {"DATABASE_URL": f"sqlite+aiosqlite:///{folder}/items.db"}
    pairs = [f"{name}={value}" for name, value in database.items()]
    migrated = in_service(items, "env", *pairs, sys.executable, "-m", "items", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    with (
        EmbeddedBroker(TOPICS) as broker,
        serving(
            items,
            "items",
            HTTP_PORT=str(ports[0]),
            KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers,
            **database,
        ) as process,
        serving(
            gateway,
            "gateway",
            HTTP_PORT=str(ports[1]),
            AUTH_ISSUER=issuer.url,
            AUTH_JWKS_URL=f"{issuer.url}/keys",
            ROUTES=json.dumps({"/items": addresses[0], "/operations": addresses[0]}),
            UPSTREAM_TIMEOUT_S=str(TIMEOUT_S),
            HTTP_MAX_BODY_BYTES=str(MAX_BODY_BYTES),
        ),
        httpx.Client(base_url=addresses[1]) as through,
        httpx.Client(base_url=addresses[0]) as directly,
    ):
        yield Platform(through, directly, process.pid, issuer)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def created(platform: Platform, name: str, headers: dict[str, str]) -> str:
    """The path of a new item, once it is there."""
    accepted = platform.gateway.post("/items", json={"name": name}, headers=headers)
    assert accepted.status_code == 202, accepted.text
    deadline = time.monotonic() + PATIENCE_S
    while True:
        operation = platform.gateway.get(accepted.headers["location"], headers=headers).json()
        if operation["status"] != "pending":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert operation["status"] == "succeeded", operation
    path: str = operation["resource"]
    return path


def test_a_forged_identity_has_no_effect(platform: Platform) -> None:
    ada = bearer(platform.issuer.token())
    eve = bearer(platform.issuer.token(sub="eve", project_id="hers"))
    forged = {"x-user-id": "ada", "x-project-id": "looms", "X_Project_Id": "looms"}
    hers = created(platform, "forged", eve | forged)
    mine = created(platform, "mine", ada)

    assert platform.gateway.get(hers, headers=ada).status_code == 404
    assert platform.gateway.get(mine, headers=eve | forged).status_code == 404
    assert platform.gateway.get(mine, headers=ada).json()["name"] == "mine"
    # The service itself believes them: that is what the gateway is for.
    theirs = {"x-user-id": "eve", "x-project-id": "hers"}
    assert platform.service.get(hers, headers=theirs).json()["name"] == "forged"


def test_without_a_good_token_nothing_is_reached(platform: Platform) -> None:
    stranger = generate_private_key(SECP256R1())
    for headers in (
        {},
        bearer(platform.issuer.token(exp=int(time.time()) - 60)),
        bearer(platform.issuer.token(stranger)),
        {"x-user-id": "ada", "x-project-id": "looms"},
    ):
        answer = platform.gateway.post("/items", json={"name": "no"}, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.headers["content-type"] == "application/problem+json"
    mine = platform.gateway.get("/items", headers=bearer(platform.issuer.token()))
    assert "no" not in [item["name"] for item in mine.json()["items"]]


def test_a_new_signing_key_is_picked_up(platform: Platform) -> None:
    old = platform.issuer.token()
    platform.issuer.rotate()
    for token in (platform.issuer.token(), old):
        assert platform.gateway.get("/items", headers=bearer(token)).status_code == 200


def test_the_chain_begins_at_the_gateway(platform: Platform) -> None:
    headers = bearer(platform.issuer.token()) | {"x-correlation-id": str(uuid4())}
    answer = platform.gateway.get(f"/items/{uuid4()}", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"]
    assert answer.headers["x-correlation-id"] != headers["x-correlation-id"]


def test_a_large_body_is_refused(platform: Platform) -> None:
    body = {"name": "x" * MAX_BODY_BYTES}
    headers = bearer(platform.issuer.token())
    assert platform.gateway.post("/items", json=body, headers=headers).status_code == 413


def test_a_service_that_hangs_is_given_up(platform: Platform) -> None:
    headers = bearer(platform.issuer.token())
    os.kill(platform.service_pid, signal.SIGSTOP)
    try:
        hangs = platform.gateway.get("/items", headers=headers)
    finally:
        os.kill(platform.service_pid, signal.SIGCONT)
    assert hangs.status_code == 504
    assert hangs.headers["content-type"] == "application/problem+json"
    deadline = time.monotonic() + PATIENCE_S
    while platform.gateway.get("/items", headers=headers).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_is_not_routed_is_not_reached(platform: Platform) -> None:
    headers = bearer(platform.issuer.token())
    for path, status in {"/docs": 404, "/items/%2e%2e/docs": 400, "/items/..%2fdocs": 400}.items():
        assert platform.gateway.get(path, headers=headers).status_code == status

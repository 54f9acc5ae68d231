"""Which tokens are believed."""

import asyncio
import base64
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from httpx import AsyncClient

from .conftest import Issuer, Service, bearer


async def assert_refused(gateway: AsyncClient, service: Service, authorization: str) -> None:
    answer = await gateway.get("/things", headers={"authorization": authorization})
    assert answer.status_code == 401, authorization
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.seen == []


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def by_secret(secret: bytes, payload: str) -> str:
    """A token that is signed with what everybody knows, as if it were a secret."""
    header = encoded(b'{"alg": "HS256", "kid": "first"}')
    signed = f"{header}.{payload}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


UNFIT: list[dict[str, object]] = [
    {"exp": 1},
    {"exp": None},
    {"nbf": int(time.time()) + 3600},
    {"iss": "https://elsewhere.example"},
    {"iss": None},
    {"aud": "another"},
    {"aud": None},
    {"sub": None},
    {"sub": ""},
    {"sub": "ada\r\nx-project-id: hers"},
    {"sub": " ada"},
    {"sub": "a" * 1025},
    {"project_id": None},
    {"project_id": ["looms"]},
]


async def test_claims_that_do_not_fit(
    gateway: AsyncClient,
    issuer: Issuer,
    service: Service,
) -> None:
    for claims in UNFIT:
        await assert_refused(gateway, service, f"Bearer {issuer.token(**claims)}")


async def test_a_wrong_signature(gateway: AsyncClient, issuer: Issuer, service: Service) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    stranger = generate_private_key(SECP256R1())
    header, payload, signature = issuer.token().split(".")
    changed = encoded(json.dumps({**claims, "sub": "eve"}).encode())
    public = json.dumps(issuer.key_set()["keys"][0]).encode()
    for token in (
        jwt.encode(claims, stranger, "ES256", {"kid": "first"}),
        jwt.encode(claims, stranger, "ES256", {"kid": "unknown"}),
        jwt.encode(claims, "", "none", {"kid": "first"}),
        f"{header}.{changed}.{signature}",
        by_secret(public, payload),
        f"{header}.{payload}.",
    ):
        await assert_refused(gateway, service, f"Bearer {token}")


async def test_no_token(gateway: AsyncClient, service: Service) -> None:
    for authorization in ("", "Bearer", "Bearer no token", "Basic YTpi", "a.b.c"):
        await assert_refused(gateway, service, authorization)
    del gateway.headers["authorization"]
    assert (await gateway.get("/things")).status_code == 401


async def test_two_tokens_are_none(gateway: AsyncClient, issuer: Issuer, service: Service) -> None:
    headers = [("authorization", f"Bearer {issuer.token()}")]
    answer = await gateway.get("/things", headers=headers * 2)
    assert answer.status_code == 401
    assert service.seen == []


async def test_a_new_key_is_picked_up(gateway: AsyncClient, issuer: Issuer) -> None:
    old = issuer.token()
    issuer.new_key("second")
    new = issuer.token(sub="grace")
    for token in (new, old):
        assert (await gateway.get("/things", headers=bearer(token))).status_code == 200


async def test_the_issuer_is_not_flooded(gateway: AsyncClient, issuer: Issuer) -> None:
    stranger = Issuer()
    stranger.address = issuer.address
    stranger.new_key("unknown")
    asked = issuer.asked
    began = time.monotonic()
    answers = await asyncio.gather(
        *(gateway.get("/things", headers=bearer(stranger.token())) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {401}
    assert issuer.asked - asked <= 1 + time.monotonic() - began


async def test_keys_count_while_the_issuer_is_away(gateway: AsyncClient, issuer: Issuer) -> None:
    issuer.away = True
    assert (await gateway.get("/things")).status_code == 200
    issuer.new_key("second")
    answer = await gateway.get("/things", headers=bearer(issuer.token()))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"

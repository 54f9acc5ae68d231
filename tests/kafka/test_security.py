"""A service and a real Kafka authenticate each other, or say at once what to look at."""

import asyncio
import base64
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from axion_gen.runtime import EmitError, KafkaSettings, StartError
from axion_gen.runtime.headers import Record
from axion_gen.runtime.kafka import KafkaConsumer, KafkaProducer, Partition, require_topics

from .server import KafkaServer

pytestmark = pytest.mark.kafka

PASSWORD = "correct horse"
SECRET = "battery&staple"
TOPIC = "secured"
LISTENERS = {
    "MUTUAL": "SSL",
    "SCRAM": "SASL_SSL",
    "PLAIN": "SASL_PLAINTEXT",
    "OAUTH": "SASL_SSL",
}
MODULE = "org.apache.kafka.common.security"
PROPERTIES = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.mutual.ssl.client.auth=required
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
listener.name.plain.sasl.enabled.mechanisms=PLAIN
listener.name.plain.plain.sasl.jaas.config={module}.plain.PlainLoginModule required \\
    user_ada="{password}";
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=\\
    {module}.oauthbearer.OAuthBearerLoginModule required;
listener.name.oauth.oauthbearer.sasl.server.callback.handler.class=\\
    {module}.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.oauth.oauthbearer.sasl.oauthbearer.jwks.endpoint.url=file://{folder}/jwks.json
listener.name.oauth.oauthbearer.sasl.oauthbearer.expected.audience=kafka
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
"""


class Secured:
    """A Kafka with a listener for each way to authenticate, and what its clients need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(folder / "ca.pem")
        trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
        server = ca.issue_cert("127.0.0.1")
        # Kafka reads a key in PKCS #8 alone.
        key = serialization.load_pem_private_key(server.private_key_pem.bytes(), None)
        chain = b"".join(part.bytes() for part in server.cert_chain_pems)
        (folder / "server.pem").write_bytes(chain + _pkcs8(key, serialization.NoEncryption()))
        client = ca.issue_cert("ada@example.org", common_name="ada")
        client.cert_chain_pems[0].write_to_path(folder / "client.pem")
        key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
        locked = serialization.BestAvailableEncryption(PASSWORD.encode())
        (folder / "client.key").write_bytes(_pkcs8(key, locked))
        numbers = self.issuer.public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig"}
        jwk |= {"n": _base64(_bytes(numbers.n)), "e": _base64(_bytes(numbers.e))}
        (folder / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
        self.server = KafkaServer(
            folder,
            listeners=LISTENERS,
            properties=PROPERTIES.format(folder=folder, module=MODULE, password=PASSWORD),
            users={"ada": PASSWORD},
            java_options=(
                f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{folder}/jwks.json",
            ),
        )

    def settings(self, listener: str, **settings: Any) -> KafkaSettings:
        """What a client of a listener sets, and what a test sets otherwise."""
        ours: dict[str, Any] = {
            "bootstrap_servers": self.server.addresses[listener],
            "security_protocol": LISTENERS.get(listener, "PLAINTEXT"),
        }
        if ours["security_protocol"].endswith("SSL"):
            ours["ssl_cafile"] = self.folder / "ca.pem"
        if listener == "MUTUAL":
            ours["ssl_certfile"] = self.folder / "client.pem"
            ours["ssl_keyfile"] = self.folder / "client.key"
            ours["ssl_key_password"] = PASSWORD
        if listener in {"SCRAM", "PLAIN"}:
            ours["sasl_mechanism"] = "PLAIN" if listener == "PLAIN" else "SCRAM-SHA-512"
            ours |= {"sasl_username": "ada", "sasl_password": PASSWORD}
        return KafkaSettings(**(ours | settings))

    def token(self, **claims: Any) -> str:
        """A token as an identity provider gives it."""
        now = int(time.time())
        claims = {"sub": "ada", "aud": "kafka", "iat": now, "exp": now + 60} | claims
        header = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = self.issuer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


@pytest.fixture(scope="module")
def secured(
    kafka: KafkaServer,  # says why there is none, where there is none
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Secured]:
    secured = Secured(tmp_path_factory.mktemp("secured"))
    try:
        secured.server.start()
        secured.server.create_topic(TOPIC)
        yield secured
    finally:
        secured.server.stop()


@pytest.fixture
def endpoint(secured: Secured) -> Iterator["Endpoint"]:
    with Endpoint(secured) as endpoint:
        yield endpoint


class Endpoint(HTTPServer):
    """A token endpoint as OAuth 2 describes it, for one client."""

    def __init__(self, secured: Secured) -> None:
        self.secured = secured
        self.asked: list[dict[str, list[str]]] = []
        self.lives_s = 60.0
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/token"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def settings(self, **settings: Any) -> KafkaSettings:
        ours: dict[str, Any] = {
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauthbearer_token_endpoint_url": self.url,
            "sasl_oauthbearer_client_id": "items",
            "sasl_oauthbearer_client_secret": SECRET,
            "sasl_oauthbearer_scope": "kafka write",
        }
        return self.secured.settings("OAUTH", **(ours | settings))


class _TokenHandler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.asked.append(parse_qs(form))
        expected = base64.b64encode(b"items:battery%26staple").decode()
        good = self.headers["authorization"] == f"Basic {expected}"
        life = self.server.lives_s
        token = self.server.secured.token(exp=int(time.time() + life))
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": life}
        body = json.dumps(answer if good else {"error": "invalid_client"}).encode()
        self.send_response(200 if good else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


async def round_trip(settings: KafkaSettings) -> list[Record]:
    """Look at the topic, write a record and read it in a group."""
    group = f"group-{time.monotonic_ns()}"
    await require_topics(settings, "test", [TOPIC])
    producer = KafkaProducer(settings, "test")
    await producer.start()
    consumer = KafkaConsumer(settings, "test", group, lambda *_: None)
    await producer.send(TOPIC, b"k", group.encode(), [])
    await producer.stop()

    async def nothing(_: set[Partition]) -> None: ...

    await consumer.start([TOPIC], nothing, nothing)
    try:
        async with asyncio.timeout(30):
            while True:
                batch = await consumer.take([Partition(TOPIC, 0)], 100)
                for record in batch.get(Partition(TOPIC, 0), []):
                    if record.value == group.encode():
                        await consumer.commit({Partition(TOPIC, 0): record.offset + 1})
                        return [record]
    finally:
        await consumer.stop()


async def refusal(settings: KafkaSettings) -> str:
    """What a person who starts the service is told, at once."""
    async with asyncio.timeout(15):  # the start itself would try for 30 s
        with pytest.raises(StartError) as raised:
            await require_topics(settings, "test", [TOPIC])
    text = str(raised.value)
    assert "\n" not in text
    assert not any(secret in text for secret in (PASSWORD, SECRET, "eyJ", "wrong"))
    return text


@pytest.mark.parametrize("listener", ["MUTUAL", "SCRAM", "PLAIN"])
async def test_records_go_through(secured: Secured, listener: str) -> None:
    assert await round_trip(secured.settings(listener))


async def test_records_go_through_with_a_token(secured: Secured, endpoint: Endpoint) -> None:
    assert await round_trip(endpoint.settings())
    assert endpoint.asked[0] == {"grant_type": ["client_credentials"], "scope": ["kafka write"]}
    # One a client, however many connections it makes.
    assert len(endpoint.asked) == 3


async def test_no_credentials_are_logged_or_shown(
    secured: Secured, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for settings in (secured.settings("PLAIN"), endpoint.settings()):
        await require_topics(settings, "test", [TOPIC])
        assert PASSWORD not in repr(settings)
        assert SECRET not in repr(settings)
    assert "SaslAuthenticateRequest" in caplog.text
    for secret in (PASSWORD, SECRET, base64.b64encode(SECRET.encode()).decode(), "eyJ"):
        assert secret not in caplog.text


async def test_a_password_over_a_readable_connection_is_warned_of(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    await require_topics(secured.settings("PLAIN"), "test", [TOPIC])
    assert "sends the password readable over the network" in caplog.text


@pytest.mark.parametrize("listener", ["SCRAM", "PLAIN"])
async def test_a_wrong_password(secured: Secured, listener: str) -> None:
    text = await refusal(secured.settings(listener, sasl_password="wrong"))
    assert "see KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" in text


async def test_a_mechanism_that_the_broker_does_not_have(secured: Secured) -> None:
    text = await refusal(secured.settings("SCRAM", sasl_mechanism="SCRAM-SHA-256"))
    assert "does not authenticate with SCRAM-SHA-256; see KAFKA_SASL_MECHANISM" in text


async def test_a_broker_whose_certificate_is_not_trusted(secured: Secured) -> None:
    other = secured.folder / "other-ca.pem"
    text = await refusal(secured.settings("SCRAM", ssl_cafile=other))
    assert "certificate is not trusted" in text
    assert "KAFKA_SSL_CAFILE" in text


async def test_a_broker_with_the_certificate_of_another_host(secured: Secured) -> None:
    address = secured.server.addresses["SCRAM"].replace("127.0.0.1", "localhost")
    text = await refusal(secured.settings("SCRAM", bootstrap_servers=address))
    assert "certificate is not trusted" in text
    assert "localhost" in text


async def test_a_client_without_the_certificate_that_is_wanted(secured: Secured) -> None:
    without = {"ssl_certfile": None, "ssl_keyfile": None, "ssl_key_password": None}
    text = await refusal(secured.settings("MUTUAL", **without))
    assert "see KAFKA_SSL_CERTFILE" in text


async def test_a_key_that_cannot_be_decrypted(secured: Secured) -> None:
    for password in ("wrong", None):
        text = await refusal(secured.settings("MUTUAL", ssl_key_password=password))
        assert "KAFKA_SSL_KEY_PASSWORD do not fit together" in text


async def test_a_port_that_speaks_something_else(secured: Secured) -> None:
    plain = secured.server.addresses["PLAINTEXT"]
    text = await refusal(secured.settings("SCRAM", bootstrap_servers=plain, start_timeout_s=2))
    assert "KAFKA_SECURITY_PROTOCOL=SASL_SSL" in text
    scram = secured.server.addresses["PLAIN"]
    text = await refusal(secured.settings("PLAINTEXT", bootstrap_servers=scram, start_timeout_s=2))
    assert "KAFKA_SECURITY_PROTOCOL=PLAINTEXT is not what this port speaks" in text


async def test_a_client_that_gets_no_token(secured: Secured, endpoint: Endpoint) -> None:
    text = await refusal(endpoint.settings(sasl_oauthbearer_client_secret="wrong"))
    assert "the token endpoint answers with 401" in text
    assert "see KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL" in text


async def test_a_token_that_the_broker_does_not_take(secured: Secured, endpoint: Endpoint) -> None:
    endpoint.lives_s = -60.0
    text = await refusal(endpoint.settings())
    assert "authentication with OAUTHBEARER failed" in text


async def test_a_token_endpoint_that_does_not_answer(secured: Secured, endpoint: Endpoint) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/token"
        text = await refusal(
            endpoint.settings(sasl_oauthbearer_token_endpoint_url=url, start_timeout_s=1)
        )
    assert "the token endpoint cannot be asked: [Errno 111]" in text


def allow(secured: Secured, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    """Give rights to ada, and to nobody else; who has none at all on a thing has every right."""
    admin = secured.server._admin
    futures = admin.create_acls(
        [
            AclBinding(
                kind,
                name,
                ResourcePatternType.LITERAL,
                "User:ada",
                "*",
                operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]
    )
    for future in futures.values():
        future.result(30)


async def test_limits_that_may_not_be_seen_are_warned_of(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    topic = secured.server.create_topic("seen")
    allow(secured, ResourceType.TOPIC, topic, AclOperation.READ, AclOperation.DESCRIBE)
    settings = secured.settings("SCRAM")
    found = await require_topics(settings, "test", [topic], received=[topic], dead_letters=topic)
    assert found is None
    assert "the configuration of seen is not checked" in caplog.text
    assert "DESCRIBE_CONFIGS" in caplog.text


async def test_a_topic_that_may_not_be_written(secured: Secured) -> None:
    topic = secured.server.create_topic("written")
    allow(secured, ResourceType.TOPIC, topic, AclOperation.READ, AclOperation.DESCRIBE)
    producer = KafkaProducer(secured.settings("SCRAM"), "test")
    await producer.start()
    for _ in range(3):
        with pytest.raises(EmitError, match="TopicAuthorizationFailed") as raised:
            await producer.send(topic, b"k", b"v", [])
        assert not raised.value.unknown
    allow(secured, ResourceType.TOPIC, topic, AclOperation.WRITE)
    for _ in range(3):
        await producer.send(topic, b"k", b"v", [])
    await producer.stop()


async def test_a_group_that_may_not_be_joined(secured: Secured) -> None:
    allow(secured, ResourceType.GROUP, "forbidden", AclOperation.DESCRIBE)
    consumer = KafkaConsumer(secured.settings("SCRAM"), "test", "forbidden", lambda *_: None)

    async def nothing(_: set[Partition]) -> None: ...

    with pytest.raises(StartError, match=r"group forbidden .*GroupAuthorizationFailed"):
        await consumer.start([TOPIC], nothing, nothing)


def _pkcs8(key: Any, encryption: serialization.KeySerializationEncryption) -> bytes:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return pem


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

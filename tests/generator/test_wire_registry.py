"""Payloads in Avro whose schemas are in a registry, over HTTP."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from axion_gen.runtime import EmitError, KafkaSettings, StartError
from axion_gen.runtime.codecs.registry import HttpRegistry
from axion_gen.runtime.errors import InvalidMessageError, SchemaRegistryUnavailableError
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.kafka import end_offset, read, until, write
from .generating import imported, package
from .registry import SchemaRegistry, schema_registry
from .things import FRAMED, HEADERS, Generated, written


@contextmanager
def running(service: str) -> Iterator[tuple[EmbeddedBroker, SchemaRegistry]]:
    topics = {"things": 1, f"{service}-dlq": 1, f"{service}-replay": 1}
    with EmbeddedBroker(topics=topics) as broker, schema_registry() as registry:
        yield broker, registry


async def test_ids_come_from_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated = Generated(tmp_path, "avro_wired", monkeypatch, FRAMED)
    with running("wired") as (broker, registry):
        settings = generated.runtime.KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers,
            schema_registry_url=registry.url,
            schema_registry_username="ada",
            schema_registry_password="secret",
        )
        async with generated.kafka("wired", settings).run(generated.handlers) as bus:
            for _ in range(3):
                await bus.client.emit("things", generated.thing(), metadata=generated.somebody)
            await until(lambda: len(generated.handlers.seen) == 3, "all are handled")
    assert registry.asked == [
        "POST /subjects/things-value",
        "POST /subjects/things-value/versions",
    ]
    assert set(registry.authorization) == {"Basic YWRhOnNlY3JldA=="}
    assert json.loads(registry.schemas[0]) == generated.schema


def foreign(generated: Generated, schema: Any, id_: int, level: int = 1) -> bytes:
    """A value that another service has written with a schema of its own."""
    content = generated.thing().model_dump() | {"parts": [], "level": level}
    return b"\0" + id_.to_bytes(4) + written(schema, content)


def settings_of(generated: Generated, broker: EmbeddedBroker, url: str) -> Any:
    return generated.runtime.KafkaSettings(
        bootstrap_servers=broker.bootstrap_servers, schema_registry_url=url, retry_backoff_ms=1
    )


async def test_a_schema_is_fetched_once_and_an_unknown_id_is_a_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_foreign", monkeypatch, FRAMED)
    other = {**generated.schema, "doc": "another"}
    with running("foreign") as (broker, registry):
        id_ = registry.add(other)
        settings = settings_of(generated, broker, registry.url)
        async with generated.kafka("foreign", settings).run(generated.handlers):
            for level in (1, 2, 3):
                value = foreign(generated, other, id_, level)
                await write(broker.bootstrap_servers, "things", value, headers=HEADERS)
            for id_ in (77, registry.add("no JSON")):
                value = foreign(generated, other, id_)
                await write(broker.bootstrap_servers, "things", value, headers=HEADERS)
            letters = await read(broker.bootstrap_servers, "foreign-dlq", at_least=2)
    assert [seen.level for seen in generated.handlers.seen] == [1, 2, 3]
    reasons = [dict(letter.headers)["x-dlq-error-message"] or b"" for letter in letters]
    assert b"the schema registry has no schema 77" in reasons[0]
    assert b"schema 2 is no Avro" in reasons[1]
    assert letters[1].value == value
    assert registry.asked == [f"GET /schemas/ids/{id_}" for id_ in (1, 77, 2)]


async def test_while_the_registry_is_away_messages_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_held", monkeypatch, FRAMED)
    other = {**generated.schema, "doc": "another"}
    with schema_registry() as gone:
        pass
    topics = {"things": 1, "held-dlq": 1, "held-replay": 1}
    with EmbeddedBroker(topics=topics) as broker:
        settings = settings_of(generated, broker, gone.url)
        async with generated.kafka("held", settings).run(generated.handlers) as bus:
            with pytest.raises(generated.runtime.EmitError, match="registry cannot be asked"):
                await bus.client.emit("things", generated.thing(), metadata=generated.somebody)
            value = foreign(generated, other, 1)
            await write(broker.bootstrap_servers, "things", value, headers=HEADERS)
            await until(lambda: bus.held.count == 1, "it is held")
            assert generated.handlers.seen == []
            with schema_registry(gone.port) as registry:
                registry.add(other)
                await until(lambda: bus.held.count == 0, "it is held no more")
                await bus.client.emit("things", generated.thing(), metadata=generated.somebody)
                await until(lambda: len(generated.handlers.seen) == 2, "both are handled")
        assert await end_offset(broker.bootstrap_servers, "held-dlq") == 0
    assert generated.handlers.seen[0].level == 1


async def test_messages_of_known_schemas_do_not_end_the_wait_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_waiting", monkeypatch, FRAMED)
    other = {**generated.schema, "doc": "another"}
    with running("waiting") as (broker, registry):
        settings = settings_of(generated, broker, registry.url)
        handlers, somebody = generated.handlers, generated.somebody
        async with generated.kafka("waiting", settings).run(handlers) as bus:
            await bus.client.emit("things", generated.thing(), metadata=somebody)
            await until(lambda: len(handlers.seen) == 1, "its schema is known")
            handlers.free.clear()
            registry.failing = 503
            value = foreign(generated, other, registry.add(other))
            for _ in range(2):  # the second begins after the first has ended
                await bus.client.emit("things", generated.thing(), metadata=somebody)
            await write(broker.bootstrap_servers, "things", value, headers=HEADERS)
            await until(lambda: bus.held.count == 1, "it is held")
            handlers.free.set()
            await until(lambda: len(handlers.seen) == 3, "the others have ended")
            asked = len(registry.asked)
            await until(lambda: len(registry.asked) >= asked + 3, "it was tried again")
            registry.failing = None
            await until(lambda: len(handlers.seen) == 4, "it is handled")
        assert await end_offset(broker.bootstrap_servers, "waiting-dlq") == 0


async def test_a_schema_may_be_made_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_made", monkeypatch, FRAMED)
    fields = {field["name"]: field for field in generated.schema["fields"]}
    kind = {**fields["kind"]["type"], "namespace": "com.acme"}
    fields["kind"] = {"name": "kind", "type": "com.acme.Kind"}
    with running("made") as (broker, registry):
        registry.add(kind, "kinds")
        other = {**generated.schema, "fields": list(fields.values())}
        id_ = registry.add(other, **{"com.acme.Kind": "kinds"})
        value = foreign(generated, generated.schema, id_)
        settings = settings_of(generated, broker, registry.url)
        async with generated.kafka("made", settings).run(generated.handlers):
            await write(broker.bootstrap_servers, "things", value, headers=HEADERS)
            await until(lambda: len(generated.handlers.seen) == 1, "it is handled")
    assert generated.handlers.seen[0].kind == "LARGE"
    assert registry.asked == [
        f"GET /schemas/ids/{id_}",
        "GET /subjects/kinds/versions/1?deleted=true",
    ]


async def test_a_bus_without_a_registry_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_alone", monkeypatch, FRAMED)
    with pytest.raises(generated.runtime.StartError, match="KAFKA_SCHEMA_REGISTRY_URL is missing"):
        async with generated.kafka("alone").run(generated.handlers):
            raise AssertionError


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"URL": "registry:8081"}, "must start with https:// or http://"),
        ({"URL": "http://ada:secret@registry:8081"}, "KAFKA_SCHEMA_REGISTRY_USERNAME"),
        ({"URL": "http://registry", "USERNAME": "ada"}, "it is sent a secret"),
        ({"URL": "file:///etc/passwd"}, "must start with https:// or http://"),
    ],
)
def test_settings_of_the_registry_are_checked(
    values: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"KAFKA_SCHEMA_REGISTRY_{name}", value)
    with pytest.raises(StartError, match=said) as raised:
        KafkaSettings.load()
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize(
    ("failing", "answer", "error", "said"),
    [
        (500, None, SchemaRegistryUnavailableError, "answers 500"),
        (401, None, SchemaRegistryUnavailableError, "answers 401"),
        (302, None, SchemaRegistryUnavailableError, "answers 302"),
        (404, None, SchemaRegistryUnavailableError, "answers 404"),
        (409, None, EmitError, "refuses the schema for things-value"),
        (None, b"<html>", SchemaRegistryUnavailableError, "other than JSON"),
        (None, [], SchemaRegistryUnavailableError, "other than an object"),
        (None, {"id": "one"}, SchemaRegistryUnavailableError, "no id"),
        (None, {"id": 2**32}, SchemaRegistryUnavailableError, "no id"),
        (None, b" " * 5_000_000, SchemaRegistryUnavailableError, "more than 4,194,304 bytes"),
    ],
)
async def test_whatever_the_registry_says(
    failing: int | None, answer: object, error: type[Exception], said: str
) -> None:
    with schema_registry() as server:
        server.failing, server.answer = failing, answer
        settings = KafkaSettings(schema_registry_url=server.url)
        registry = HttpRegistry(lambda: settings)
        with pytest.raises(error, match=said):
            await registry.id_of("string", "{topic}-value", "things")
        if error is SchemaRegistryUnavailableError and "id" not in str(answer):
            with pytest.raises(SchemaRegistryUnavailableError):
                await registry.fetch(1)
        server.failing = server.answer = None
        assert await registry.id_of("string", "{topic}-value", "things") == 1
        await registry.fetch(1)
        assert registry.known(1) == "string"
        await registry.fetch(7)
        with pytest.raises(InvalidMessageError, match="has no schema 7"):
            registry.known(7)


async def test_who_waits_for_a_registry_that_is_away_is_told_once() -> None:
    with schema_registry() as server:
        settings = KafkaSettings(schema_registry_url=server.url)
    registry = HttpRegistry(lambda: settings)
    answers = await asyncio.gather(
        *(registry.fetch(id_) for id_ in range(20)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {SchemaRegistryUnavailableError}
    assert "cannot be asked" in str(answers[0])


PINGS = """\
asyncapi: 3.0.0
info: {{title: Pings, version: 1.0.0}}
channels:
  pings:
    address: pings
    messages:
      ping:
        correlationId: {{location: $message.payload#/id}}
        payload: {{type: object, properties: {{id: {{type: string}}}}}}
  pongs:
    address: pongs
    messages: {{pong: {{$ref: '#/components/messages/pong'}}}}
operations:
  ping:
    action: {action}
    channel: {{$ref: '#/channels/pings'}}
    reply: {{channel: {{$ref: '#/channels/pongs'}}}}
components:
  messages:
    pong:
      correlationId: {{location: $message.payload#/id}}
      bindings: {{kafka: {{schemaIdLocation: payload, schemaLookupStrategy: RecordNameStrategy}}}}
      payload:
        schemaFormat: application/vnd.apache.avro;version=1.9.0
        schema:
          type: record
          name: com.acme.Pong
          fields: [{{name: id, type: string}}{more}]
"""
ANSWERS = """
from typing import final

from answers.bus.handlers import Context, Handlers
from answers.bus.messages import Ping, Pong


@final
class Answers(Handlers):
    async def on_ping(self, message: Ping, context: Context) -> Pong:
        return Pong(id=message.id or "")
"""


async def test_a_reply_has_the_id_of_its_schema_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, action, more in (
        ("answers", "receive", ", {name: more, type: int, default: 1}"),
        ("asks", "send", ""),
    ):
        (tmp_path / f"{name}.yaml").write_text(PINGS.format(action=action, more=more))
        package(tmp_path, tmp_path / f"{name}.yaml", name)
    (tmp_path / "answers" / "service.py").write_text(ANSWERS)
    handlers = imported(monkeypatch, tmp_path, "answers.service").Answers()
    asks = importlib.import_module("asks.bus.runtime")
    messages = importlib.import_module("asks.bus.messages")
    somebody = asks.Metadata(user_id="ada", project_id="looms")
    topics = dict.fromkeys(("pings", "pongs", "a-dlq", "a-replay"), 1)
    with EmbeddedBroker(topics=topics) as broker, schema_registry() as registry:
        settings = {
            "bootstrap_servers": broker.bootstrap_servers,
            "schema_registry_url": registry.url,
        }
        answers = importlib.import_module("answers.bus.kafka").Bus(
            "a", importlib.import_module("answers.bus.runtime").KafkaSettings(**settings)
        )
        other = importlib.import_module("asks.bus.kafka").Bus("b", asks.KafkaSettings(**settings))
        async with answers.run(handlers), other.run():
            for id_ in ("1", "2"):
                got = await other.client.request(
                    "pings", messages.Ping(id=id_), timeout_s=20, metadata=somebody
                )
                assert got == messages.Pong(id=id_)
    assert registry.asked == [
        "POST /subjects/com.acme.Pong",
        "POST /subjects/com.acme.Pong/versions",
        "GET /schemas/ids/1",
    ]


async def test_a_reply_of_others_is_known_by_the_id_in_its_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asyncapi.yaml").write_text(PINGS.format(action="send", more=""))
    package(tmp_path, tmp_path / "asyncapi.yaml", "foreign_reply")
    bus_of = imported(monkeypatch, tmp_path, "foreign_reply.bus.kafka").Bus
    runtime = importlib.import_module("foreign_reply.bus.runtime")
    messages = importlib.import_module("foreign_reply.bus.messages")
    schema = {
        "type": "record",
        "name": "com.acme.Pong",
        "fields": [{"name": "more", "type": "int"}, {"name": "id", "type": "string"}],
    }
    with (
        EmbeddedBroker(topics={"pings": 1, "pongs": 1}) as broker,
        schema_registry() as registry,
    ):
        settings = runtime.KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers, schema_registry_url=registry.url
        )
        async with bus_of("asks", settings).run() as bus:
            somebody = runtime.Metadata(user_id="ada", project_id="looms")
            asking = asyncio.create_task(
                bus.client.request("pings", messages.Ping(), timeout_s=20, metadata=somebody)
            )
            (ping,) = await read(broker.bootstrap_servers, "pings", at_least=1)
            pong = {"more": 1, "id": json.loads(ping.value or b"")["id"]}
            value = b"\0" + registry.add(schema).to_bytes(4) + written(schema, pong)
            await write(broker.bootstrap_servers, "pongs", value)
            assert await asking == messages.Pong(id=pong["id"])

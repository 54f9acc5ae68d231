"""Payloads in Avro on the wire: bytes of fastavro, with and without the id of their schema."""

import asyncio
import importlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

from axion_gen.runtime import EmitError, KafkaSettings, StartError
from axion_gen.runtime.codecs.registry import HttpRegistry
from axion_gen.runtime.errors import InvalidMessageError, SchemaRegistryUnavailableError
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.kafka import until
from .generating import imported, package
from .registry import SchemaRegistry, schema_registry

THINGS = """\
asyncapi: 3.0.0
info: {{title: Things, version: 1.0.0}}
channels:
  things:
    address: things
    messages:
      thing.made:
        x-axion-key: $message.payload#/id
        {binding}
        payload:
          schemaFormat: application/vnd.apache.avro;version=1.9.0
          schema:
            type: record
            name: Thing
            namespace: com.acme
            fields:
              - {{name: id, type: {{type: string, logicalType: uuid}}}}
              - {{name: at, type: {{type: long, logicalType: timestamp-millis}}}}
              - {{name: day, type: {{type: int, logicalType: date}}}}
              - {{name: hour, type: {{type: int, logicalType: time-millis}}}}
              - name: price
                type: {{type: bytes, logicalType: decimal, precision: 10, scale: 2}}
              - {{name: note, type: ['null', string], default: null}}
              - {{name: level, type: int, default: 3}}
              - {{name: kind, type: {{type: enum, name: Kind, symbols: [SMALL, LARGE]}}}}
              - {{name: raw, type: bytes}}
              - {{name: hash, type: {{type: fixed, name: Hash, size: 2}}}}
              - {{name: counts, type: {{type: map, values: long}}}}
              - name: shape
                type:
                  - {{type: record, name: Circle, fields: [{{name: size, type: int}}]}}
                  - {{type: record, name: Square, fields: [{{name: size, type: int}}]}}
              - {{name: parts, type: {{type: array, items: Thing}}, default: []}}
operations:
  take: {{action: receive, channel: {{$ref: '#/channels/things'}}}}
  give: {{action: send, channel: {{$ref: '#/channels/things'}}}}
"""
FRAMED = "bindings: {kafka: {schemaIdLocation: payload, schemaIdPayloadEncoding: confluent}}"
SERVICE = """
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import ThingMade


@final
class Things(Handlers):
    def __init__(self) -> None:
        self.seen: list[ThingMade] = []

    async def on_thing_made(self, message: ThingMade, context: Context) -> None:
        self.seen.append(message)
"""
HEADERS = (
    ("x-correlation-id", b"0190b0a8-1c5e-7000-8000-000000000002"),
    ("x-causation-id", b"x"),
    ("x-user-id", b"ada"),
    ("x-project-id", b"looms"),
    ("x-timestamp", b"1"),
    ("x-message-type", b"thing.made"),
)


class Generated:
    """A generated package, imported."""

    def __init__(
        self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, binding: str
    ) -> None:
        (folder / "asyncapi.yaml").write_text(THINGS.format(binding=binding or "x-none: 1"))
        package(folder, folder / "asyncapi.yaml", name)
        (folder / name / "service.py").write_text(SERVICE.format(name=name))
        self.handlers = imported(monkeypatch, folder, f"{name}.service").Things()
        self.messages = importlib.import_module(f"{name}.bus.messages")
        self.runtime = importlib.import_module(f"{name}.bus.runtime")
        self.somebody = self.runtime.Metadata(user_id="ada", project_id="looms")
        self.memory = importlib.import_module(f"{name}.bus.testing").MemoryBus
        self.kafka = importlib.import_module(f"{name}.bus.kafka").Bus
        topics = importlib.import_module(f"{name}.bus.topics")
        self.schema: Any = topics.THINGS.messages[0].codec.schema

    def thing(self, **changes: object) -> Any:
        values = {
            "id": UUID("0190b0a8-1c5e-7000-8000-000000000001"),
            "at": datetime(2026, 1, 2, 3, 4, 5, 6000, UTC),
            "day": date(2026, 1, 2),
            "hour": time(3, 4, 5, 6000),
            "price": Decimal("1.50"),
            "kind": "LARGE",
            "raw": b"\xff\0",
            "hash": b"ab",
            "counts": {"a": 2**40},
            "shape": self.messages.Square(size=1),
        }
        return self.messages.ThingMade(**{**values, **changes})


def written(schema: object, content: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), content)  # type: ignore[arg-type]
    return out.getvalue()


async def test_a_payload_is_what_fastavro_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_plain", monkeypatch, "")
    bus = generated.memory(generated.handlers)
    thing = generated.thing(parts=[generated.messages.Thing(**dict(generated.thing()))])
    delivered = await bus.deliver(thing)
    read: Any = fastavro.schemaless_reader(
        io.BytesIO(delivered.record.value), fastavro.parse_schema(generated.schema), None
    )
    assert (read["price"], read["at"], read["level"]) == (Decimal("1.50"), thing.at, 3)
    assert delivered.record.key == str(thing.id).encode()
    (seen,) = generated.handlers.seen
    assert seen.model_dump(exclude={"note", "level", "parts"}) == thing.model_dump(
        exclude={"note", "level", "parts"}
    )
    # Two records of one shape are told apart by their names.
    assert isinstance(seen.shape, generated.messages.Square)
    assert isinstance(seen.parts[0].shape, generated.messages.Square)
    await bus.client.emit("things", thing, metadata=generated.somebody)
    assert bus.emitted[0].value == delivered.record.value
    with pytest.raises(ValueError, match="ThingMade does not fit its Avro schema"):
        await bus.client.emit(
            "things", generated.thing(price=Decimal("1.555")), metadata=generated.somebody
        )


async def test_what_is_no_avro_is_a_dead_letter_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_broken", monkeypatch, "")
    bus = generated.memory(generated.handlers)
    value = (await bus.deliver(generated.thing())).record.value
    for broken, reason in (
        (value[:-2], "shape.size"),
        (value + b"more", "4 bytes are left over"),
        (b"", "id: the payload ends before it does"),
        (b"{}", "id: the payload ends before it does"),
        (b"\x04\xff\xfe" + value[3:], "id: it is not UTF-8"),
    ):
        await bus.deliver_raw("things", None, broken, HEADERS)
        assert reason in bus.dead[-1].reason, (broken, reason)
    await bus.deliver_raw("things", None, None, HEADERS)
    assert "null" in bus.dead[-1].reason
    assert len(generated.handlers.seen) == 1
    replayed = await bus.replay(bus.dead[0])
    assert replayed.record.value == value[:-2]


async def test_the_schema_s_id_stands_before_the_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_framed", monkeypatch, FRAMED)
    bus = generated.memory(generated.handlers)
    thing = generated.thing()
    delivered = await bus.deliver(thing)
    assert delivered.record.value[:5] == b"\0\0\0\0\x01"
    # Written by a service whose schema has a field more, another order, and no default.
    fields = [f for f in reversed(generated.schema["fields"]) if f["name"] != "note"]
    other = {**generated.schema, "fields": [{"name": "more", "type": "int"}, *fields]}
    content = {**thing.model_dump(), "more": 5, "level": 3, "parts": []}
    content["shape"] = ("com.acme.Circle", {"size": 7})
    content["id"] = thing.id
    frame = b"\0" + bus.registry.add(other).to_bytes(4)
    await bus.deliver_raw("things", None, frame + written(other, content), HEADERS)
    assert bus.dead == []
    assert generated.handlers.seen[1].shape == generated.messages.Circle(size=7)
    assert generated.handlers.seen[1].note is None
    for broken, reason in (
        (b"\0\0\0\0\x09x", "has no schema 9"),
        (b"\1\0\0\0\1x", "no schema's id"),
        (b"\0\0", "no schema's id"),
        (b"\0" + bus.registry.add("string").to_bytes(4) + b"\x02a", "no Avro of schema"),
        (b"\0" + bus.registry.add({"type": "nonsense"}).to_bytes(4), "is no Avro"),
    ):
        await bus.deliver_raw("things", None, broken, HEADERS)
        assert reason in bus.dead[-1].reason, (broken, bus.dead[-1].reason)


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


async def test_without_the_registry_messages_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_held", monkeypatch, FRAMED)
    with running("held") as (broker, registry):
        settings = generated.runtime.KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers,
            schema_registry_url=registry.url,
            retry_backoff_ms=1,
        )
        other = {**generated.schema, "doc": "another"}
        frame = b"\0" + registry.add(other).to_bytes(4)
        content = generated.thing().model_dump() | {"parts": [], "level": 1}
        registry.failing = 503
        async with generated.kafka("held", settings).run(generated.handlers) as bus:
            with pytest.raises(generated.runtime.EmitError, match="answers 503"):
                await bus.client.emit("things", generated.thing(), metadata=generated.somebody)
            value = frame + written(other, content)
            await bus._transport.write("things", b"key", value, [*HEADERS])
            await until(lambda: bus.held.count == 1, "it is held")
            assert generated.handlers.seen == []
            registry.failing = None
            await until(lambda: bus.held.count == 0, "it is held no more")
        (seen,) = generated.handlers.seen
        assert seen.level == 1
        assert len(registry.asked) < 10


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
        (409, None, EmitError, "refuses the schema for things"),
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
            await registry.id_of("string", "things")
        if error is SchemaRegistryUnavailableError and "id" not in str(answer):
            with pytest.raises(SchemaRegistryUnavailableError):
                await registry.fetch(1)
        server.failing = server.answer = None
        assert await registry.id_of("string", "things") == 1
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

"""A document with a message in Avro of every kind, and the package that is made of it."""

import importlib
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro
import pytest

from .generating import imported, package

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
import asyncio
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import ThingMade


@final
class Things(Handlers):
    def __init__(self) -> None:
        self.seen: list[ThingMade] = []
        self.free = asyncio.Event()
        self.free.set()

    async def on_thing_made(self, message: ThingMade, context: Context) -> None:
        await self.free.wait()
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

"""What a document says of records, in what is generated: null values, groups, formats."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    TopicPartition,
)

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.kafka import until
from .generating import imported, package

DELETABLE = """\
asyncapi: 3.0.0
info: {title: Things, version: 1.0.0}
channels:
  things:
    address: things
    messages:
      thing.changed: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
      thing.deleted: {payload: {type: 'null'}}
operations:
  take:
    action: receive
    channel: {$ref: '#/channels/things'}
    bindings: {kafka: {groupId: {type: string, enum: [collectors]}}}
  give:
    action: send
    channel: {$ref: '#/channels/things'}
"""

SERVICE = """
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import ThingChanged, ThingDeleted


@final
class Things(Handlers):
    def __init__(self) -> None:
        self.seen: list[object] = []

    async def on_thing_changed(self, message: ThingChanged, context: Context) -> None:
        self.seen.append(message)
        await context.client.emit("things", ThingDeleted(None), key=message.id)

    async def on_thing_deleted(self, message: ThingDeleted, context: Context) -> None:
        self.seen.append(message)
"""


def service_of(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    document = folder / "asyncapi.yaml"
    document.write_text(DELETABLE)
    package(folder, document, name)
    (folder / name / "service.py").write_text(SERVICE.format(name=name))
    return imported(monkeypatch, folder, f"{name}.service")


async def test_what_is_null_is_a_null_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(tmp_path, "nulls", monkeypatch)
    messages = importlib.import_module("nulls.bus.messages")
    handlers = service.Things()
    bus = importlib.import_module("nulls.bus.testing").MemoryBus(handlers)
    await bus.deliver(messages.ThingChanged(id="1"))
    assert [(emitted.key, emitted.value) for emitted in bus.emitted] == [(b"1", None)]
    headers = [(name, value) for name, value in bus.emitted[0].headers if name != "x-message-type"]
    await bus.deliver(messages.ThingDeleted(None))
    await bus.deliver_raw("things", b"1", None, headers)
    assert handlers.seen[1:] == [messages.ThingDeleted(None)] * 2
    assert bus.dead == []
    await bus.deliver_raw("things", b"1", b'{"no": "id"}', headers)
    assert "thing.changed" in bus.dead[0].reason


async def test_it_goes_over_the_wire_in_the_group_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(tmp_path, "wired", monkeypatch)
    bus_of = importlib.import_module("wired.bus.kafka").Bus
    messages = importlib.import_module("wired.bus.messages")
    handlers = service.Things()
    topics = {"things": 1, "wired-dlq": 1, "wired-replay": 1}
    with EmbeddedBroker(topics=topics) as broker:
        settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        metadata = importlib.import_module("wired.bus.runtime").Metadata(
            user_id="ada", project_id="looms"
        )
        async with bus_of("wired", settings).run(handlers) as bus:
            await bus.client.emit(
                "things", messages.ThingChanged(id="1"), key="1", metadata=metadata
            )
            await until(lambda: len(handlers.seen) == 2, "both are handled")
        reader = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, group_id="collectors")
        await reader.start()
        try:
            assert await reader.committed(TopicPartition("things", 0)) == 2
        finally:
            await reader.stop()
    assert handlers.seen[1] == messages.ThingDeleted(None)

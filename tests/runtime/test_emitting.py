"""What every message carries, and where it comes from (standard, section 2)."""

import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from axion_gen.runtime import Metadata
from axion_gen.runtime.headers import IN_ORDER
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import SERVICE_TOPICS, bus_on
from .items import SOMEBODY, Context, ItemCreate, ItemCreated, MemoryBus, Quiet
from .kafka import read
from .test_headers import GOOD

CUP = ItemCreate(id=uuid4(), name="cup")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


class Creates(Quiet):
    """Emits an event, with the metadata it is told."""

    def __init__(self, metadata: Metadata | None = None) -> None:
        self.metadata = metadata

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        event = ItemCreated(id=message.id, name=message.name)
        await context.client.emit("item.events", event, metadata=self.metadata)


async def test_every_message_carries_its_headers_in_utf8(broker: EmbeddedBroker) -> None:
    before = time.time_ns() // 1_000_000
    async with bus_on(broker).run(Quiet()) as bus:
        message_id = await bus.client.emit(
            "item.commands", CUP, metadata=Metadata(user_id="adá", project_id="looms")
        )
    (record,) = await read(broker.bootstrap_servers, "item.commands", at_least=1)
    assert tuple(name for name, _ in record.headers) == IN_ORDER
    said = {name: (value or b"").decode() for name, value in record.headers}
    assert UUID(said["x-correlation-id"])
    assert said["x-causation-id"] == said["x-message-id"] == message_id
    assert (said["x-user-id"], said["x-project-id"]) == ("adá", "looms")
    assert said["x-message-type"] == "item.create"
    assert before <= int(said["x-timestamp"]) <= time.time_ns() // 1_000_000


async def test_explicit_metadata_wins() -> None:
    given = Metadata(
        user_id="grace",
        project_id="bridges",
        trace_id=uuid4(),
        causation_id="the test",
        message_id=uuid4(),
    )
    bus = MemoryBus(Creates(given))
    await bus.deliver(CUP, metadata=SOMEBODY)
    (event,) = bus.emitted
    assert (event.user_id, event.project_id) == ("grace", "bridges")
    assert event.correlation_id == str(given.trace_id)
    assert event.causation_id == "the test"
    assert event.message_id == str(given.message_id)


async def test_the_rest_is_still_inherited() -> None:
    bus = MemoryBus(Creates(Metadata(user_id="grace")))
    command = await bus.deliver(CUP, metadata=SOMEBODY)
    (event,) = bus.emitted
    assert (event.user_id, event.project_id) == ("grace", "looms")
    assert event.causation_id == command.message_id


async def test_headers_of_others_stay_on_their_record_and_go_no_further(
    broker: EmbeddedBroker,
) -> None:
    seen: list[object] = []

    class Sees(Creates):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            seen.append([header for header in context.headers if header[0].startswith("other")])
            await super().on_item_create(message, context)

    others = (("other", b"\x00"), ("other", None), ("other-too", b"\xff"))
    bus = MemoryBus(Sees())
    await bus.deliver_raw(
        "item.commands",
        b"key",
        CUP.model_dump_json().encode(),
        (*GOOD.items(), ("x-message-type", b"item.create"), *others),
    )
    assert seen == [[*others]]
    async with bus_on(broker).run(Creates()) as running:
        await running.client.emit("item.commands", CUP, metadata=SOMEBODY)
        (event,) = await read(broker.bootstrap_servers, "item.events", at_least=1)
    assert tuple(name for name, _ in event.headers) == IN_ORDER

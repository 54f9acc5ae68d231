"""A producer that the brokers find out of step: nothing is lost, and what comes twice is told."""

import pytest

from axion_gen.runtime import EmitError
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey

from ..runtime.items import Context, ItemCreate, ItemCreated, Quiet
from ..runtime.kafka import end_offset, read, until
from .service import LETTERS, bus_on, command

MESSAGE_TOO_LARGE = 10
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
UNKNOWN_PRODUCER_ID = 59
NAMES = [f"{number}" for number in range(40)]


@pytest.mark.parametrize(
    "code", [MESSAGE_TOO_LARGE, OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID]
)
async def test_what_handlers_emit_arrives_all_the_same(broker: EmbeddedBroker, code: int) -> None:
    refused: list[str] = []
    done: list[str] = []

    class Answers(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            event = ItemCreated(id=message.id, name=message.name)
            try:
                await context.client.emit("item.events", event)
            except EmitError:
                refused.append(message.name)
                raise
            done.append(message.name)

    for partition in range(3):
        await command(broker, *NAMES[partition::3], partition=partition, key=b"%d" % partition)
    # Two at most meet one message, which is tried three times.
    broker.push_errors(ApiKey.PRODUCE, 0, 0, code, 0, 0, 0, code)
    bus = bus_on(broker, retry_backoff_ms=1)
    async with bus.run(Answers()):
        await until(lambda: len(done) == len(NAMES), "all are answered")
    assert refused or code == MESSAGE_TOO_LARGE, "what was too large together was sent apart"
    count = await end_offset(broker.bootstrap_servers, "item.events")
    events = await read(broker.bootstrap_servers, "item.events", at_least=count)
    ids: dict[bytes | None, bytes | None] = {}
    for event in events:
        assert ids.setdefault(dict(event.headers)["x-message-id"], event.value) == event.value
    names = sorted(ItemCreated.model_validate_json(value or b"").name for value in ids.values())
    assert names == sorted(NAMES), "each is there, under one id"
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0

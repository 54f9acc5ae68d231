"""The whole way of a message, without a broker."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from axion_gen.runtime import (
    DependencyUnavailable,
    EmitError,
    Metadata,
    MetadataError,
    PermanentError,
)
from axion_gen.runtime.sql import SqlStore, create_tables

from .items import (
    SOMEBODY,
    Context,
    ForeignContext,
    ItemCreate,
    ItemCreated,
    ItemDelete,
    MemoryBus,
    Quiet,
    Reading,
)
from .test_headers import GOOD

CUP = ItemCreate(id=uuid4(), name="cup")


class Creates(Quiet):
    """Emits an event for each command; fails as often as it is told."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or ConnectionError("away")
        self.contexts: list[Context] = []

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.contexts.append(context)
        await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))
        if len(self.contexts) <= self.failures:
            raise self.error


async def test_an_event_continues_the_chain_of_its_command() -> None:
    bus = MemoryBus(Creates())
    trace = uuid4()
    command = await bus.deliver(CUP, metadata=Metadata(trace_id=trace, user_id="ada"))
    (event,) = bus.emitted
    assert event.message == ItemCreated(id=CUP.id, name="cup")
    assert event.key == str(CUP.id).encode()
    assert event.message_type == "item.created"
    assert event.correlation_id == str(trace)
    assert event.causation_id == command.message_id
    assert (event.user_id, event.project_id) == ("ada", "test-project")


async def test_a_root_message_is_its_own_cause() -> None:
    bus = MemoryBus(Quiet())
    message_id = await bus.client.emit("item.commands", CUP, metadata=SOMEBODY)
    (command,) = bus.emitted
    assert command.causation_id == command.message_id == message_id
    assert UUID(message_id).version == 7
    UUID(command.correlation_id)


async def test_nobody_is_invented() -> None:
    bus = MemoryBus(Quiet())
    with pytest.raises(MetadataError, match="x-project-id is not known"):
        await bus.client.emit("item.commands", CUP, metadata=Metadata(user_id="ada"))
    assert bus.emitted == []


@pytest.mark.parametrize(
    "metadata",
    [
        Metadata(user_id="ada", project_id="looms", trace_id="no uuid"),
        Metadata(user_id="ada\r\nx: y", project_id="looms"),
        Metadata(user_id="a" * 1025, project_id="looms"),
    ],
)
async def test_metadata_that_is_no_header_is_refused(metadata: Metadata) -> None:
    bus = MemoryBus(Quiet())
    with pytest.raises(MetadataError):
        await bus.client.emit("item.commands", CUP, metadata=metadata)
    assert bus.emitted == []


async def test_a_message_that_the_topic_does_not_carry_is_refused() -> None:
    bus = MemoryBus(Quiet())
    with pytest.raises(TypeError, match=r"'item.events' carries ItemCreated, not ItemCreate"):
        await bus.client.emit("item.events", CUP, metadata=SOMEBODY)
    with pytest.raises(TypeError, match=r"no topic 'item.event'; it has"):
        await bus.client.emit("item.event", CUP, metadata=SOMEBODY)


async def test_what_is_left_out_stays_out() -> None:
    bus = MemoryBus(Quiet())
    await bus.client.emit("item.commands", CUP, metadata=SOMEBODY)
    await bus.client.emit(
        "item.commands", ItemCreate(id=CUP.id, name="cup", note=None), metadata=SOMEBODY
    )
    assert [b"note" in (emitted.value or b"") for emitted in bus.emitted] == [False, True]


async def test_a_temporary_failure_heals_and_emits_the_same_ids() -> None:
    handlers = Creates(failures=2)
    bus = MemoryBus(handlers)
    await bus.deliver(CUP)
    assert [context.attempt for context in handlers.contexts] == [0, 1, 2]
    assert len({emitted.message_id for emitted in bus.emitted}) == 1
    assert bus.dead == []


async def test_after_three_attempts_it_is_a_dead_letter_with_the_same_bytes() -> None:
    bus = MemoryBus(Creates(failures=99))
    command = await bus.deliver(CUP)
    (dead,) = bus.dead
    assert (dead.key, dead.value) == (command.record.key, command.record.value)
    assert dead.headers[: len(command.record.headers)] == command.record.headers
    assert dead.reason == "ConnectionError: away"
    added = dict(dead.headers[len(command.record.headers) :])
    assert added["x-dlq-attempts"] == b"3"
    assert (added["x-dlq-topic"], added["x-dlq-offset"]) == (b"item.commands", b"0")
    assert b"raise self.error" in (added["x-dlq-stack-trace"] or b"")


async def test_a_permanent_error_is_not_retried() -> None:
    handlers = Creates(failures=99, error=PermanentError("never"))
    bus = MemoryBus(handlers)
    await bus.deliver(CUP)
    assert len(handlers.contexts) == len(bus.dead) == 1


async def test_a_redelivery_is_skipped() -> None:
    handlers = Creates()
    bus = MemoryBus(handlers)
    await bus.redeliver(await bus.deliver(CUP))
    assert len(handlers.contexts) == 1


async def test_a_dead_letter_is_not_repeated() -> None:
    bus = MemoryBus(Creates(failures=99))
    await bus.redeliver(await bus.deliver(CUP))
    assert len(bus.dead) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json", "Invalid JSON"),
        (b'{"id": 1, "name": "cup"}', "id: UUID input should be"),
        (b'{"name": "cup"}', "id: Field required"),
        (b"[" * 10_000, "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (None, "the value is null"),
    ],
)
async def test_poison_is_a_dead_letter_at_once(value: bytes | None, reason: str) -> None:
    handlers = Creates()
    bus = MemoryBus(handlers)
    headers = (*GOOD.items(), ("x-message-type", b"item.create"))
    await bus.deliver_raw("item.commands", b"\xff key", value, headers)
    (dead,) = bus.dead
    assert (dead.key, dead.value) == (b"\xff key", value)
    assert reason in dead.reason
    assert handlers.contexts == []


async def test_a_dead_letter_does_not_quote_what_was_invalid() -> None:
    bus = MemoryBus(Creates())
    headers = (*GOOD.items(), ("x-message-type", b"item.create"))
    await bus.deliver_raw("item.commands", None, b'{"id": "hunter2", "name": 5}', headers)
    (dead,) = bus.dead
    assert not any(b"hunter2" in (value or b"") for name, value in dead.headers)


async def test_a_missing_header_is_a_dead_letter_that_names_it() -> None:
    bus = MemoryBus(Creates())
    await bus.deliver_raw("item.commands", None, b"{}")
    assert bus.dead[0].reason == "InvalidMessageError: header x-correlation-id is missing"


async def test_forged_dead_letter_headers_stay_behind_ours() -> None:
    bus = MemoryBus(Creates())
    await bus.deliver_raw("item.commands", None, b"{}", (("x-dlq-topic", b"forged"),))
    topics = [value for name, value in bus.dead[0].headers if name == "x-dlq-topic"]
    assert topics == [b"forged", b"item.commands"]


@pytest.mark.parametrize(("topic", "letters"), [("item.commands", 1), ("readings", 0)])
async def test_an_unknown_type_is_skipped_unless_the_channel_says_otherwise(
    topic: str, letters: int
) -> None:
    bus = MemoryBus(Creates())
    await bus.deliver_raw(topic, None, b"{}", (*GOOD.items(), ("x-message-type", b"item.sold")))
    assert len(bus.dead) == letters


async def test_a_message_for_others_is_skipped() -> None:
    bus = MemoryBus(Creates())
    await bus.deliver_raw("readings", None, b"{}", (("x-message-type", b"calibrated"),))
    assert bus.dead == []


async def test_a_record_without_type_is_told_by_its_content() -> None:
    seen: list[object] = []

    class Told(Quiet):
        async def on_item_delete(self, message: ItemDelete, context: Context) -> None:
            seen.append((message, context.message_type))

        async def on_reading(self, message: Reading, context: ForeignContext) -> None:
            seen.append((message, context.user_id))

    bus = MemoryBus(Told())
    delete = ItemDelete(id=uuid4(), reason="broken")
    await bus.deliver_raw(
        "item.commands", None, delete.model_dump_json().encode(), tuple(GOOD.items())
    )
    await bus.deliver_raw("readings", None, b'{"value": 1.5}')
    assert seen == [(delete, "item.delete"), (Reading(value=1.5), None)]
    await bus.deliver_raw("readings", None, b'{"other": 1}')
    assert "none of reading, calibrated" in bus.dead[0].reason


async def test_an_outage_is_held_until_it_is_over() -> None:
    handlers = Creates(failures=3, error=DependencyUnavailable("the database is away"))
    bus = MemoryBus(handlers)
    await bus.deliver(CUP)
    assert [str(held.error) for held in bus.held] == ["the database is away"]
    assert bus.dead == []
    await bus.redeliver(bus.held[0].delivered)
    assert len(handlers.contexts) == 4
    assert len({emitted.message_id for emitted in bus.emitted}) == 1
    assert len(bus.held) == 1


async def test_declared_errors_are_outages_too() -> None:
    bus = MemoryBus(Creates(failures=3), outages=(ConnectionError,))
    await bus.deliver(CUP)
    assert isinstance(bus.held[0].error, ConnectionError)


async def test_a_replayed_letter_goes_to_the_same_handler_with_the_same_id() -> None:
    handlers = Creates(failures=3)
    bus = MemoryBus(handlers)
    command = await bus.deliver(CUP)
    await bus.replay(bus.dead[0])
    assert handlers.contexts[-1].message_id == command.message_id
    assert (handlers.contexts[-1].topic, handlers.contexts[-1].replays) == ("item.commands", 1)


async def test_emits_fail_on_demand() -> None:
    bus = MemoryBus(Creates())
    bus.fail_emits(EmitError("no acknowledgement", unknown=True))
    await bus.deliver(CUP)
    assert [emitted.message_type for emitted in bus.emitted] == ["item.created"]
    assert bus.dead == []


async def test_with_a_sql_store_only_what_is_committed_is_emitted(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/items.db")
    await create_tables(engine)

    class FailsAfterwards(Creates):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))
            rows = await context.session.execute(text("SELECT count(*) FROM axion_outbox"))
            assert rows.scalar() == 1, "the row of the attempt before is gone"
            if context.attempt == 0:
                raise ConnectionError

    bus = MemoryBus(FailsAfterwards(), store=SqlStore(engine))
    command = await bus.deliver(CUP)
    await bus.redeliver(command)
    assert [emitted.message_type for emitted in bus.emitted] == ["item.created"]
    assert bus.dead == []
    await engine.dispose()


async def test_the_log_says_where_a_handler_failed(caplog: pytest.LogCaptureFixture) -> None:
    await MemoryBus(Creates(failures=3, error=KeyError("colour"))).deliver(CUP)
    assert "raise self.error" in caplog.text

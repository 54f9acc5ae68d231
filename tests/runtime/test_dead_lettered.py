"""The hook `dead_lettered`: told of each dead letter, in the context of its message."""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from axion_gen.runtime import DeadLettered, Metadata, MetadataError, PermanentError
from axion_gen.runtime.context import log_context
from axion_gen.runtime.identifiers import idempotency_key
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    GROUP,
    LETTERS,
    SERVICE_TOPICS,
    bus_on,
    command,
    create,
    headers_of,
)
from .items import Context, ItemCreate, ItemCreated, MemoryBus, Quiet
from .kafka import committed, end_offset, read, until, write

CUP = ItemCreate(id=uuid4(), name="cup")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


class Tells(Quiet):
    """Fails for good, and notes what the hook is told."""

    def __init__(self) -> None:
        self.letters: list[DeadLettered] = []

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        raise PermanentError("the handle is missing")

    async def dead_lettered(self, letter: DeadLettered) -> None:
        self.letters.append(letter)


async def test_it_is_told_what_became_a_letter_and_why() -> None:
    handlers = Tells()
    bus = MemoryBus(handlers)
    delivered = await bus.deliver(CUP, metadata=Metadata(user_id="ada", project_id="looms"))
    (letter,) = handlers.letters
    assert letter.id == idempotency_key("item.commands", 0, 0)
    assert letter.topic == "item.commands"
    assert letter.message == CUP
    assert (letter.key, letter.value) == (delivered.record.key, delivered.record.value)
    assert letter.message_id == delivered.message_id
    assert (letter.user_id, letter.project_id) == ("ada", "looms")
    assert str(letter.error) == "the handle is missing"


async def test_of_invalid_headers_it_is_told_what_is_known() -> None:
    handlers = Tells()
    await MemoryBus(handlers).deliver_raw("item.commands", b"k", b"{}")
    (letter,) = handlers.letters
    assert (letter.message, letter.user_id, letter.project_id) == (None, None, None)
    assert letter.message_id == "item.commands:0:0"


async def test_the_letter_is_acknowledged_before_and_the_record_committed_after(
    broker: EmbeddedBroker,
) -> None:
    seen: list[int] = []
    free = asyncio.Event()

    class Waits(Tells):
        async def dead_lettered(self, letter: DeadLettered) -> None:
            seen.append(await end_offset(broker.bootstrap_servers, LETTERS))
            await free.wait()

    await command(broker, "cup")
    bus = bus_on(broker)
    async with bus.run(Waits()):
        await until(lambda: bool(seen), "the hook is called")
        commits = bus.statistics.commits
        await command(broker, "other", partition=1)
        await until(lambda: bus.statistics.commits > commits, "something else is committed")
        assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) in (0, None)
        free.set()
    assert seen[0] == 1
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 1


@pytest.mark.parametrize("error", [ValueError("broken hook"), asyncio.CancelledError()])
async def test_a_broken_hook_is_tried_again_then_logged_and_stops_nothing(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    calls = 0

    class Broken(Tells):
        async def dead_lettered(self, letter: DeadLettered) -> None:
            nonlocal calls
            calls += 1
            raise error

    bus = MemoryBus(Broken())
    delivered = await bus.deliver(CUP)
    assert calls == 3
    assert f"`dead_lettered` failed, attempt 3 of 3: {type(error).__name__}" in caplog.text
    await bus.redeliver(delivered)
    assert len(bus.dead) == 1, "it is processed"


async def test_what_the_hook_emits_belongs_to_its_message_alone(broker: EmbeddedBroker) -> None:
    """Each comes after one that the same worker has handled for somebody else."""
    users: list[object] = []

    class Answers(Tells):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if message.name == "fails":
                raise PermanentError("never")

        async def dead_lettered(self, letter: DeadLettered) -> None:
            users.append(log_context().get("user_id"))
            try:
                await bus.client.emit("item.events", ItemCreated(id=UUID(int=0), name="failed"))
            except MetadataError as error:
                users.append(str(error)[:25])

    def by(user: bytes) -> tuple[tuple[str, bytes], ...]:
        return tuple({**dict(headers_of()), "x-user-id": user}.items())

    failing, invalid = by(b"grace"), by(b"edsger")
    for value, headers in (
        (create("fine"), by(b"ada")),
        (create("fails"), failing),
        (create("fine"), by(b"ada")),
        (b"not json", invalid),
        (create("fine"), by(b"ada")),
        (b"no headers", ()),
    ):
        await write(
            broker.bootstrap_servers, COMMANDS, value, key=b"k", headers=headers, partition=0
        )
    bus = bus_on(broker, max_concurrent_handlers=1)
    async with bus.run(Answers()):
        await until(lambda: len(users) == 4, "the last one is a letter too")
        events = await read(broker.bootstrap_servers, "item.events", at_least=2)
    assert users == ["grace", "edsger", None, "x-user-id is not known: e"]
    said = [dict(event.headers) for event in events]
    assert [headers["x-user-id"] for headers in said] == [b"grace", b"edsger"]
    assert [headers["x-causation-id"] for headers in said] == [
        dict(headers)["x-message-id"] for headers in (failing, invalid)
    ]


async def test_an_error_that_cannot_say_what_it_is_is_a_letter_too() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Fails(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            raise MuteError

    bus = MemoryBus(Fails())
    await bus.deliver(CUP)
    assert [dead.reason.endswith("MuteError: ") for dead in bus.dead] == [True]

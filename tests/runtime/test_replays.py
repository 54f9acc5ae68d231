"""The replay topic: what comes back from the dead letter topic (standard, section 4)."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from axion_gen.runtime import KafkaSettings, PermanentError
from axion_gen.runtime.dead_letters import Letter, read, replayed
from axion_gen.runtime.headers import Record
from axion_gen.runtime.identifiers import idempotency_key
from axion_gen.runtime.kafka import KafkaProducer
from axion_gen.runtime.testing import EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    GROUP,
    LETTERS,
    SERVICE_TOPICS,
    Recorder,
    bus_on,
    command,
    create,
    headers_of,
)
from . import kafka
from .items import Context, ForeignContext, ItemCreate, Reading
from .kafka import committed, until, write
from .test_dead_letters import block

REPLAY = "items-replay"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


class Notes(Recorder):
    """Fails as long as it is told to, and notes what it knows of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = True
        self.seen: list[tuple[str, str, int]] = []

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self._note(context)

    async def on_reading(self, message: Reading, context: ForeignContext) -> None:
        self._note(context)

    def _note(self, context: Any) -> None:
        self.seen.append((context.topic, context.message_id, context.replays))
        if self.fails:
            raise PermanentError("not yet")


async def replay(broker: EmbeddedBroker, letter: Record) -> None:
    """As `axion dead-letters replay` does."""
    found = read(letter)
    assert isinstance(found, Letter)
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), "test")
    await producer.start()
    await producer.send(REPLAY, letter.key, letter.value, replayed(found))
    await producer.stop()


async def letters(broker: EmbeddedBroker, count: int) -> Sequence[Record]:
    return await kafka.read(broker.bootstrap_servers, LETTERS, at_least=count)


async def test_a_letter_that_fails_again_keeps_where_it_came_from(broker: EmbeddedBroker) -> None:
    handlers = Notes()
    await command(broker, "before", "cup")
    async with bus_on(broker).run(handlers):
        _, first = await letters(broker, 2)
        await replay(broker, first)
        *_, second = await letters(broker, 3)
        await replay(broker, second)
        *_, third = await letters(broker, 4)
        handlers.fails = False
        await replay(broker, third)
        await until(lambda: len(handlers.seen) == 5, "it is handled")
    ids = {message_id for topic, message_id, _ in handlers.seen[1:]}
    assert len(ids) == 1, "the same message"
    assert [(topic, replays) for topic, _, replays in handlers.seen[1:]] == [
        (COMMANDS, 0),
        (COMMANDS, 1),
        (COMMANDS, 2),
        (COMMANDS, 3),
    ]
    for number, letter in enumerate((first, second, third)):
        said = dict(letter.headers)
        assert (said["x-dlq-topic"], said["x-dlq-offset"]) == (COMMANDS.encode(), b"1")
        assert said["x-dlq-timestamp"] == dict(first.headers)["x-dlq-timestamp"]
        assert said["x-dlq-replays"] == str(number).encode()
        assert letter.value == first.value
        assert [name for name, _ in letter.headers].count("x-dlq-id") == 1
    ids_of_letters = [dict(letter.headers)["x-dlq-id"] for letter in (first, second, third)]
    assert ids_of_letters == [
        idempotency_key(topic, 0, offset).encode()
        for topic, offset in ((COMMANDS, 1), (REPLAY, 0), (REPLAY, 1))
    ]
    assert await committed(broker.bootstrap_servers, GROUP, REPLAY, 0) == 3


async def test_a_record_without_an_id_keeps_that_of_its_first_place(
    broker: EmbeddedBroker,
) -> None:
    handlers = Notes()
    await write(broker.bootstrap_servers, "readings", b'{"value": 1}')
    async with bus_on(broker).run(handlers):
        (letter,) = await letters(broker, 1)
        handlers.fails = False
        await replay(broker, letter)
        await until(lambda: len(handlers.seen) == 2, "it is handled")
    assert handlers.seen == [("readings", "readings:0:0", 0), ("readings", "readings:0:0", 1)]


async def test_forged_reasons_on_an_ordinary_topic_are_not_believed(
    broker: EmbeddedBroker,
) -> None:
    handlers = Notes()
    forged = tuple(block(topic=b"readings", replays=b"7"))
    await write(
        broker.bootstrap_servers,
        COMMANDS,
        create("cup"),
        key=b"key",
        headers=(*headers_of(), *forged),
        partition=0,
    )
    async with bus_on(broker).run(handlers):
        (letter,) = await letters(broker, 1)
    assert [(topic, replays) for topic, _, replays in handlers.seen] == [(COMMANDS, 0)]
    assert tuple(letter.headers[7 : 7 + len(forged)]) == forged, "they are part of the record"
    found = read(letter)
    assert isinstance(found, Letter)
    assert found.origin is not None
    assert (found.origin.topic, found.replays) == (COMMANDS, 0)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ((), b"header x-correlation-id is missing"),
        (headers_of(), b"x-message-type 'item.create' is no message of items-replay"),
        ((*headers_of(), *block(topic=b"elsewhere")), b"is no message of items-replay"),
        ((*headers_of(), *block(offset=b"-1")), b"is no message of items-replay"),
        (headers_of()[:-1], b"none of"),
    ],
)
async def test_what_does_not_say_where_it_came_from_is_a_letter_again(
    broker: EmbeddedBroker, headers: tuple[tuple[str, bytes], ...], error: bytes
) -> None:
    handlers = Notes()
    await write(broker.bootstrap_servers, REPLAY, create("cup"), headers=headers)
    async with bus_on(broker).run(handlers):
        (letter,) = await letters(broker, 1)
    assert handlers.seen == []
    assert error in (dict(letter.headers)["x-dlq-error-message"] or b"")
    assert letter.value == create("cup")

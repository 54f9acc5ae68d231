"""Log lines: whose they are, and that each decision has one."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog

from axion_gen.runtime import (
    ContextFilter,
    DependencyUnavailable,
    MemoryStore,
    PermanentError,
    add_context,
)
from axion_gen.runtime.context import Request, current
from axion_gen.runtime.testing import ApiKey, EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    LETTERS,
    SERVICE_TOPICS,
    Forgetful,
    Recorder,
    bus_on,
    command,
    create,
    headers_of,
)
from .items import SOMEBODY, Context, ItemCreate, Quiet
from .kafka import read, until, write

NOT_ALLOWED = 30
FENCED = 82
IDS = ("correlation_id", "causation_id", "user_id", "project_id")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What a service logs whose lines end with whose they are."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.addFilter(ContextFilter())
    handler.setFormatter(
        logging.Formatter("%(levelname)s %(message)s | %(message_id)s %(user_id)s %(offset)s")
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


class Talks(Quiet):
    """Logs before and after others have run."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self.together = asyncio.Event()
        self.running = self.ended = 0

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.running += 1
        if self.running == 5:
            self.together.set()
        self.log(f"begun {context.message_id}")
        await self.together.wait()
        if context.attempt == 0:
            raise ConnectionError(f"for {context.message_id}")
        self.log(f"ended {context.message_id}")
        self.ended += 1


async def talk(broker: EmbeddedBroker, log: Any) -> list[str]:
    """Forty messages, ten at once, each tried twice; their ids."""
    handlers = Talks(log)
    bus = bus_on(broker, retry_backoff_ms=1)
    async with bus.run(handlers):
        messages = [ItemCreate(id=UUID(int=number), name="cup") for number in range(40)]
        ids = [await bus.client.emit(COMMANDS, message, metadata=SOMEBODY) for message in messages]
        await until(lambda: handlers.ended == len(ids), "all are handled")
    return ids


async def test_lines_of_concurrent_messages_never_mix(
    broker: EmbeddedBroker, lines: io.StringIO
) -> None:
    ids = await talk(broker, logging.getLogger("items").info)
    said = lines.getvalue().splitlines()
    for message_id in ids:
        # Begun twice, failed once, which the runtime says, ended once.
        about = [line.split(" | ") for line in said if message_id in line.split(" | ")[0]]
        assert len(about) == 4, about
        assert {whose.split()[0] for _, whose in about} == {message_id}
    # And nothing else is anybody's.
    others = [line for line in said if not any(message_id in line for message_id in ids)]
    assert others
    assert all(line.endswith(" |   ") for line in others), others


async def test_events_of_structlog_never_mix(broker: EmbeddedBroker) -> None:
    text = io.StringIO()
    log = structlog.wrap_logger(
        structlog.WriteLogger(text),
        processors=[add_context, structlog.processors.JSONRenderer()],
    )
    ids = await talk(broker, log.info)
    events = [json.loads(line) for line in text.getvalue().splitlines()]
    assert {event["message_id"] for event in events} == set(ids)
    for event in events:
        assert event["event"].endswith(event["message_id"])
        assert event["user_id"] == "ada"
        assert event["topic"] == COMMANDS
        assert event["message_type"] == "item.create"


def test_a_request_is_named_and_a_lines_own_fields_stay(lines: io.StringIO) -> None:
    token = current.set(Request(correlation_id=str(uuid4()), user_id="ada", project_id=None))
    try:
        logging.getLogger("items").info("asked")
        logging.getLogger("items").info("told", extra={"user_id": "grace"})
        assert add_context(None, "info", {"user_id": "grace"})["user_id"] == "grace"
    finally:
        current.reset(token)
    logging.getLogger("items").info("alone")
    assert lines.getvalue().splitlines() == [
        "INFO asked |  ada ",
        "INFO told |  grace ",
        "INFO alone |   ",
    ]


# Each decision has its line


class Records(logging.Handler):
    """The runtime's lines, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelname, record.getMessage()))

    def with_(self, text: str) -> list[tuple[str, str]]:
        return [line for line in self.lines if text in line[1]]

    def only(self, text: str) -> tuple[str, str]:
        found = self.with_(text)
        assert len(found) == 1, (text, self.lines)
        return found[0]


@pytest.fixture
def log() -> Iterator[Records]:
    logger = logging.getLogger("axion_gen.runtime")
    records, level = Records(), logger.level
    logger.addHandler(records)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(records)
    logger.setLevel(level)


async def test_what_becomes_of_messages_is_said_once(broker: EmbeddedBroker, log: Records) -> None:
    class Mixed(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if message.name == "fails once" and context.attempt == 0:
                raise ConnectionError("no luck")
            if message.name == "fails":
                raise PermanentError("never")

    servers = broker.bootstrap_servers
    async with bus_on(broker, retry_backoff_ms=0).run(Mixed()):
        await command(broker, "fine", "fails once", "fails")
        await write(servers, COMMANDS, create("poison"), headers=(("x-user-id", b""),), partition=0)
        await write(servers, "readings", b"{}", headers=headers_of("gauge.lost"))
        await read(servers, LETTERS, at_least=2)
        await until(lambda: bool(log.with_("unknown message type")), "it is skipped")
    place = f"{COMMANDS}[0]"
    assert log.with_(f"{place}@0:") == [], "what goes well needs no line"
    assert log.with_(f"{place}@1:") == [
        ("WARNING", f"{place}@1: attempt 1 of 3 failed, next in 0 ms: ConnectionError: no luck")
    ]
    assert log.with_(f"{place}@2:") == [
        ("ERROR", f"{place}@2: dead letter after 1 attempts: PermanentError: never")
    ]
    assert log.with_(f"{place}@3:") == [
        (
            "ERROR",
            f"{place}@3: dead letter after 0 attempts:"
            " InvalidMessageError: header x-user-id is empty",
        )
    ]
    assert log.with_("readings[0]@0:") == [
        ("WARNING", "readings[0]@0: unknown message type 'gauge.lost', skipped")
    ]


async def test_a_duplicate_is_said_with_its_ids(
    broker: EmbeddedBroker, log: Records, lines: io.StringIO
) -> None:
    store = MemoryStore()
    handlers = Recorder()
    async with bus_on(broker, store=store).run(handlers) as bus:
        message = ItemCreate(id=UUID(int=0), name="cup")
        message_id = await bus.client.emit(COMMANDS, message, metadata=SOMEBODY)
        await until(lambda: bool(handlers.ended), "it is handled")
    async with bus_on(broker, store=store, group_id="another").run(handlers):
        await until(lambda: bool(log.with_("already processed")), "it is known")
    assert log.only("already processed")[0] == "INFO"
    assert f"already processed, skipped | {message_id} ada 0" in lines.getvalue()


async def test_an_outage_and_its_end(broker: EmbeddedBroker, log: Records) -> None:
    away = True

    class Depends(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if away:
                raise DependencyUnavailable("no database")

    bus = bus_on(broker, retry_backoff_ms=0)
    async with bus.run(Depends()):
        await command(broker, "cup")
        await until(lambda: bus.held.count == 1, "it is held")
        away = False
        await until(lambda: bus.held.count == 0, "it is handled")
    level, line = log.only("held for 0 s, 1 in all")
    assert level == "ERROR"
    assert "a dependency is away, next try in 1 s: DependencyUnavailable: no database" in line
    assert log.only("0 still held")[0] == "WARNING"


async def test_a_store_that_is_away_and_its_end(broker: EmbeddedBroker, log: Records) -> None:
    class Away(Forgetful):
        failures = 2  # the second try comes at once

        async def end(self, delivery: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no store")
            await super().end(delivery)

    store = Away()
    async with bus_on(broker, store=store).run(Quiet()):
        await command(broker, "cup")
        await until(lambda: bool(store.ends), "it is marked")
    assert log.only("cannot be marked, next try in 1 s: ConnectionError: no store")[0] == "ERROR"
    assert log.only(f"{COMMANDS}[0]@0: goes on after 1 failures")[0] == "WARNING"


async def test_start_assignment_and_stop_with_what_is_left(
    broker: EmbeddedBroker, log: Records
) -> None:
    handlers = Recorder("slow")
    async with bus_on(broker, drain_timeout_s=0.2).run(handlers):
        await command(broker, "fine", "slow", "behind")
        await until(lambda: handlers.begun == ["fine", "slow"], "it is being handled")
        await until(lambda: bool(log.with_("the bus of items runs on")), "it says so")
    said = [text for _, text in log.lines]
    expected = (
        f"{COMMANDS}[1]: nothing was committed yet, starting at offset 0",
        "1 handlers outlived the drain",
        "left the group: 2 records that were taken and not finished",
        "the bus of items stops",
        "the bus of items has stopped",
    )
    for text in expected:
        log.only(text)
    assigned = log.only("assigned: item.commands[0], item.commands[1], item.commands[2]")
    assert assigned == (
        "INFO",
        f"assigned: {COMMANDS}[0], {COMMANDS}[1], {COMMANDS}[2], items-replay[0], readings[0]",
    )
    assert said[-1] == "the bus of items has stopped"


async def test_what_is_revoked_and_a_rebuild(broker: EmbeddedBroker, log: Records) -> None:
    """The coordinator throws the member out for good."""
    handlers = Recorder("slow")
    bus = bus_on(broker)
    async with bus.run(handlers):
        await command(broker, "slow", "behind")
        await until(lambda: handlers.begun == ["slow"], "it is being handled")
        broker.push_errors(ApiKey.HEARTBEAT, FENCED)
        await until(lambda: bus.statistics.rebuilds == 1, "it is replaced")
        handlers.free.set()
        await until(lambda: handlers.ended.count("behind") == 1, "it goes on")
    level, line = log.only("revoked: item.commands[0]")
    assert level == "INFO"
    assert "; 2 records that were taken and not finished are read again" in line
    assert log.only("the consumer will not recover and is replaced")[0] == "ERROR"
    assert log.only("records are taken again")[0] == "WARNING"


async def test_refused_commits_are_said_once_and_their_end_too(
    broker: EmbeddedBroker, log: Records
) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await until(lambda: bus.ready, "it is a member")
        broker.push_errors(ApiKey.OFFSET_COMMIT, *[NOT_ALLOWED] * 3)
        await command(broker, "cup")
        await until(lambda: bool(log.with_("committed again")), "it is committed")
    assert bus.statistics.failed_commits == 3
    level, line = log.only("offsets not committed")
    assert level == "WARNING"
    assert "GroupAuthorizationFailed" in line
    assert log.only("offsets are committed again")[0] == "WARNING"

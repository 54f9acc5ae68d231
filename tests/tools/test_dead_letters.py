"""The commands `axion dead-letters …`, as processes, on the embedded broker."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from axion_gen.runtime import KafkaSettings, PermanentError
from axion_gen.runtime.identifiers import idempotency_key
from axion_gen.runtime.kafka import KafkaProducer
from axion_gen.runtime.testing import EmbeddedBroker
from tests.runtime.items import SOMEBODY, TOPICS, Bus, Context, ItemCreate, Quiet
from tests.runtime.kafka import end_offset, read, until, write
from tests.runtime.test_bus import item
from tests.runtime.test_dead_letters import ID, block

AXION = str(Path(sys.executable).with_name("axion"))
PATIENCE_S = 60.0
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202eevil\r\n\x9b31m [bold]not markup[/bold] \u0000"


class Ended(NamedTuple):
    code: int
    stdout: str
    stderr: str


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={**TOPICS, "items-dlq": 2, "items-replay": 1}) as broker:
        yield broker


async def dead_letters(broker: EmbeddedBroker | str, *arguments: str, **env: str) -> Ended:
    servers = broker if isinstance(broker, str) else broker.bootstrap_servers
    process = await asyncio.create_subprocess_exec(
        *(AXION, "dead-letters", *arguments),
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers, "COLUMNS": "200", **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        stdout, stderr = await process.communicate()
    ended = Ended(process.returncode or 0, stdout.decode(), stderr.decode())
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


async def listed(broker: EmbeddedBroker) -> dict[str, Any]:
    ended = await dead_letters(broker, "list", "items", "--format", "json")
    assert ended.code == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


async def test_a_replayed_letter_is_handled_with_the_same_message_id(
    broker: EmbeddedBroker,
) -> None:
    mended = False
    handled: list[tuple[str, str]] = []

    class Mended(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if not mended:
                raise PermanentError("the handle is missing")
            handled.append((context.message_id, context.topic))

    settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    bus = Bus("items", settings)
    async with bus.run(Mended()):
        message_id = await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        await read(broker.bootstrap_servers, "items-dlq", at_least=1)
        (letter,) = (await listed(broker))["letters"]
        assert letter["topic"] == "item.commands"
        assert letter["message_type"] == "item.create"
        assert letter["error_type"] == "PermanentError"
        assert letter["error_message"] == "the handle is missing"
        assert (letter["attempts"], letter["replays"]) == (1, 0)

        # It fails again: a letter of its own, which knows that it is the second.
        ended = await dead_letters(broker, "replay", "items", letter["id"][:8])
        assert (ended.code, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"replayed {letter['id']}  item.commands[")
        await read(broker.bootstrap_servers, "items-dlq", at_least=3)
        (again,) = (await listed(broker))["letters"]
        assert again["id"] != letter["id"]
        assert (again["topic"], again["offset"]) == (letter["topic"], letter["offset"])
        assert again["replays"] == 1

        mended = True
        ended = await dead_letters(broker, "replay", "items", "--all", "--format", "json")
        assert json.loads(ended.stdout)["replayed"] == [again["id"]]
        await until(lambda: bool(handled), "the letter is handled")
    assert handled == [(message_id, "item.commands")]
    assert (await listed(broker))["depth"] == 0


async def test_the_record_is_replayed_as_it_was(broker: EmbeddedBroker) -> None:
    forged = [("x-dlq-topic", b"plates"), ("x-user-id", b"\xff\x00")]
    for number, (key, value) in enumerate(((b"k\xff", b"\x00v"), (b"k", None), (None, b""))):
        await write(
            broker.bootstrap_servers,
            "items-dlq",
            value,
            key=key,
            headers=(*forged, *block(id=str(number).encode() * 64)),
        )
    ended = await dead_letters(broker, "replay", "items", "--all")
    assert (ended.code, ended.stderr) == (0, "")
    replays = await read(broker.bootstrap_servers, "items-replay", at_least=3)
    assert {(record.key, record.value) for record in replays} == {
        (b"k\xff", b"\x00v"),
        (b"k", None),
        (None, b""),
    }
    for record in replays:
        assert list(record.headers[:2]) == forged
        assert dict(record.headers)["x-dlq-topic"] == b"cups"
        assert dict(record.headers)["x-dlq-replays"] == b"1"


async def test_a_discarded_letter_keeps_the_reason_on_the_topic(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    await write(servers, "items-dlq", b"v", headers=tuple(block()), partition=0)
    await write(servers, "items-dlq", b"by hand", partition=1)
    foreign = idempotency_key("items-dlq", 1, 0)
    ended = await dead_letters(broker, "discard", "items", ID[:8], "--reason", "a test")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == f"discarded {ID}  cups[2]@17\n"
    (answer,) = [
        dict(record.headers)
        for record in await read(servers, "items-dlq", at_least=3)
        if dict(record.headers).get("x-dlq-resolves")
    ]
    assert answer["x-dlq-resolves"] == ID.encode()
    assert answer["x-dlq-reason"] == b"a test"
    assert answer["x-dlq-resolved-by"]
    assert [letter["id"] for letter in (await listed(broker))["letters"]] == [foreign]

    # What does not say where it came from can only be discarded.
    ended = await dead_letters(broker, "replay", "items", "--all")
    assert (ended.code, ended.stdout) == (1, "")
    assert f"{foreign} does not say which topic it came from" in ended.stderr
    ended = await dead_letters(broker, "discard", "items", "--all", "--reason", "not ours")
    assert ended.code == 0
    assert (await listed(broker))["depth"] == 0


async def test_the_list_is_for_people_and_the_check_for_scripts(broker: EmbeddedBroker) -> None:
    ended = await dead_letters(broker, "list", "items", "--check")
    assert ended == Ended(0, "", "")
    kind = ("x-message-type", b"item.create")
    for number in (1, 2):
        await write(
            broker.bootstrap_servers,
            "items-dlq",
            b"",
            headers=(kind, *block(id=(b"a" * 9 + b"%d" % number).ljust(64, b"0"))),
        )
    ended = await dead_letters(broker, "list", "items", "--check")
    assert (ended.code, ended.stderr) == (1, "")
    head, *lines = ended.stdout.splitlines()
    columns = ["ID", "AGE", "RECORD", "TYPE", "ATTEMPTS", "REPLAYS", "ERROR"]
    assert head.split() == columns
    assert sorted(line.split()[0] for line in lines) == ["aaaaaaaaa1", "aaaaaaaaa2"]
    for line in lines:
        assert line[head.index("RECORD") :].split()[:2] == ["cups[2]@17", "item.create"]
        assert line[head.index("ERROR") :] == "ValueError: no handle"

    ended = await dead_letters(broker, "show", "items", "aaaaaaaaa")
    assert ended == Ended(2, "", "axion: 2 open letters begin with aaaaaaaaa: say more of the id\n")
    ended = await dead_letters(broker, "show", "items", "b")
    assert ended == Ended(2, "", "axion: no open letter begins with b\n")


async def test_a_letter_is_shown_with_its_record(broker: EmbeddedBroker) -> None:
    await write(
        broker.bootstrap_servers,
        "items-dlq",
        b'{"id":7,"name":"cup"}',
        key=b"7",
        headers=(("x-user-id", b"ada"), *block()),
        partition=1,
    )
    ended = await dead_letters(broker, "show", "items", ID)
    assert (ended.code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert f"id        {ID}" in lines
    assert "record    cups[2]@17, 2023-11-14 22:13:20 UTC" in lines
    assert "letter    items-dlq[1]@0" in lines
    assert "error     ValueError: no handle" in lines
    assert "  x-user-id  ada" in lines
    assert "    at the sink" in lines
    assert lines[-5:] == ["value     21 bytes", "  {", '    "id": 7,', '    "name": "cup"', "  }"]


async def test_hostile_letters_break_neither_the_terminal_nor_json(broker: EmbeddedBroker) -> None:
    bad = HOSTILE.encode()
    letters = {
        b"0": (bad, ()),
        b"1": (b"\xff\xfe" + bad, ()),
        b"2": (b"[" * 100_000, ()),
        b"3": (b"9" * 100_000, ()),
        b"4": (None, ()),
        b"5": (b'{"a": 1e400, "b": NaN}', tuple(block(id=b"5" * 64, failed_at=b"9" * 18))),
        b"6": (bad, tuple(block(id=b"6" * 64, topic=bad, attempts=bad, error_type=bad))),
        b"7": (bad, tuple(block(id=b"7" * 64, error_message=bad, stack_trace=bad))),
    }
    for key, (value, reasons) in letters.items():
        await write(
            broker.bootstrap_servers,
            "items-dlq",
            value,
            key=key + bad,
            headers=((HOSTILE, bad), ("x-message-type", bad), *reasons),
            partition=0,
        )
    said = await listed(broker)
    assert said["depth"] == len(letters)
    for entry in said["letters"]:
        show = ("show", "items", entry["id"])
        shown, text = await asyncio.gather(
            dead_letters(broker, *show, "--format", "json"),
            dead_letters(broker, *show, PYTHONIOENCODING="ascii"),
        )
        whole = json.loads(shown.stdout)
        assert whole["headers"][0] == [HOSTILE, HOSTILE]
        assert (shown.code, text.code) == (0, 0)
        assert all(line.isprintable() for line in text.stdout.split("\n"))
    text = await dead_letters(broker, "list", "items")
    assert all(line.isprintable() for line in text.stdout.split("\n"))
    assert len(text.stdout.splitlines()) == len(letters) + 1


async def test_a_header_that_is_not_utf8_is_read_and_replayed(broker: EmbeddedBroker) -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), "odd")
    await producer.start()
    try:
        await producer.send("items-dlq", b"k", b"v", [(odd, b"x"), *block()])
    finally:
        await producer.stop()
    shown = await dead_letters(broker, "show", "items", ID)
    assert "  caf\\udce9  x" in shown.stdout.splitlines()
    assert (await dead_letters(broker, "replay", "items", ID)).code == 0
    assert await end_offset(broker.bootstrap_servers, "items-replay") == 1
    assert (await listed(broker))["depth"] == 0


async def test_the_topics_follow_the_prefix(broker: EmbeddedBroker) -> None:
    for topic in ("test.items-dlq", "test.items-replay"):
        broker.create_topic(topic)
    await write(broker.bootstrap_servers, "test.items-dlq", b"v", headers=tuple(block()))
    replayed = await dead_letters(broker, "replay", "items", "--all", KAFKA_TOPIC_PREFIX="test.")
    assert replayed.code == 0
    await read(broker.bootstrap_servers, "test.items-replay", at_least=1)


async def test_the_brokers_can_be_named(broker: EmbeddedBroker) -> None:
    arguments = ("list", "items", "--brokers", broker.bootstrap_servers, "--format", "json")
    ended = await dead_letters("127.0.0.1:9", *arguments)
    assert json.loads(ended.stdout) == {"topic": "items-dlq", "depth": 0, "letters": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "Items"], "'Items' is no name of a service"),
        (["list", "cups"], "axion: topics are missing on 127.0.0.1:"),
        (["show", "items", "x\x1b[2J"], r"'x\x1b[2J' is no id of a letter"),
        (["replay", "items"], "name letters by their ids, or say --all, not both"),
        (["replay", "items", "abc", "--all"], "name letters by their ids, or say --all, not both"),
        (["discard", "items", "--all"], "Missing option '--reason'"),
        (["discard", "items", "--all", "--reason", " "], "a reason has 1 to 1024 bytes"),
        (["list", "items", "--brokers", "127.0.0.1:x"], "is wrong"),
        (["list", "items", "--brokers", ""], "KAFKA_BOOTSTRAP_SERVERS: String should have"),
    ],
)
async def test_wrong_use_is_named(
    broker: EmbeddedBroker, arguments: list[str], message: str
) -> None:
    ended = await dead_letters(broker, *arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert message in " ".join(ended.stderr.replace("│", " ").split())


async def test_no_broker_is_a_clear_line() -> None:
    ended = await dead_letters("127.0.0.1:9", "list", "items", KAFKA_START_TIMEOUT_S="0.1")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith(
        "axion: no Kafka broker answers at 127.0.0.1:9 "
    )

"""Records that nobody can handle become letters, byte for byte, and stop nobody else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from axion_gen.runtime import KafkaSettings
from axion_gen.runtime.headers import RawHeaders, Record
from axion_gen.runtime.kafka import MAX_RECORD_BYTES, KafkaProducer
from axion_gen.runtime.kafka.batches import size_of
from axion_gen.runtime.kafka.reader import KafkaReader
from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.kafka import PATIENCE_S, committed, until
from .service import COMMANDS, GROUP, LETTERS, Recorder, bus_on, command, create, headers_of

ODD_NAME = b"caf\xe9\xff".decode("utf-8", "surrogateescape")
ODD: list[tuple[str, bytes | None]] = [(ODD_NAME, b"\xff"), (ODD_NAME, None)]
HEADERS: list[tuple[str, bytes | None]] = [*headers_of(), ("other", b"\x00\xff")]


@dataclass(frozen=True)
class Poison:
    what: str
    error: bytes
    key: bytes | None = b"\xfe key"
    value: bytes | None = create("poison")
    headers: RawHeaders = tuple(HEADERS)


def _but(name: str, *values: bytes | None) -> list[tuple[str, bytes | None]]:
    """The headers of a command, one of them with other values, or none."""
    kept = [header for header in HEADERS if header[0] != name]
    return [*kept, *((name, value) for value in values)]


def _as_large_as_can_be() -> bytes:
    value = bytes(MAX_RECORD_BYTES)
    while (size := size_of(b"\xfe key", value, HEADERS)) > MAX_RECORD_BYTES:
        value = value[: MAX_RECORD_BYTES - size]
    return value


POISON = [
    Poison("not JSON", b"no valid item.create: payload: Invalid JSON", value=b"\xff\x00 not"),
    Poison("empty", b"Invalid JSON", value=b""),
    Poison("null", b"the value is null", value=None),
    Poison("no key and null", b"the value is null", key=None, value=None),
    Poison("nothing at all", b"header x-correlation-id is missing", None, None, ()),
    Poison("wrong shape", b"id: Field required", value=b'{"name": "poison"}'),
    Poison("an array", b"payload: Input should be", value=b"[]"),
    Poison("huge nesting", b"Invalid JSON", value=b"[" * 500_000),
    Poison("a number beyond all", b"payload: Input should", value=b"9" * 4000),
    Poison("maximal", b"Invalid JSON", value=_as_large_as_can_be()),
    Poison("missing header", b"x-user-id is missing", headers=_but("x-user-id")),
    Poison("twice", b"x-user-id is there twice", headers=[*HEADERS, ("x-user-id", b"ada")]),
    Poison("null header", b"x-user-id is empty", headers=_but("x-user-id", None)),
    Poison("not UTF-8", b"x-user-id is not UTF-8", headers=_but("x-user-id", b"\xff")),
    Poison("newline", b"contains control", headers=_but("x-user-id", b"a\nb")),
    Poison("long header", b"longer than 1024", headers=_but("x-user-id", b"a" * 1025)),
    Poison(
        "unknown message",
        b"'item.sold' is no message",
        headers=_but("x-message-type", b"item.sold"),
    ),
    Poison(
        "odd name",
        b"Invalid JSON",
        value=b"",
        headers=[*HEADERS, (ODD_NAME, b"\xff"), (ODD_NAME, None)],
    ),
]


async def test_each_becomes_a_letter_and_the_partition_goes_on(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    await _write(servers, POISON)
    for partition in range(3):
        await command(broker, f"fine {partition}", key=b"\xfe key", partition=partition)
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await until(lambda: len(handlers.ended) == 3, "what comes behind is handled")
        letters = await _letters(servers)
    assert len(letters) == len(POISON)
    for poison in POISON:
        found = [
            (dict(letter.headers[len(poison.headers) :])["x-dlq-error-message"] or b"")
            for letter in letters
            if (letter.key, letter.value) == (poison.key, poison.value)
            and list(letter.headers[: len(poison.headers)]) == list(poison.headers)
            and letter.headers[len(poison.headers)][0] == "x-dlq-id"
        ]
        assert any(poison.error in message for message in found), poison.what
    offsets = [await committed(servers, GROUP, COMMANDS, partition) for partition in range(3)]
    assert sum(offset or 0 for offset in offsets) == len(POISON) + 3


async def _letters(servers: str) -> list[Record]:
    """All of them: with aiokafka alone those with odd names could not be read."""
    letters: list[Record] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        KafkaReader(KafkaSettings(bootstrap_servers=servers), "test", LETTERS) as reader,
    ):
        while len(letters) < len(POISON):
            letters += await reader.take()
    return letters


async def _write(servers: str, records: Sequence[Poison]) -> None:
    producer = KafkaProducer(KafkaSettings(bootstrap_servers=servers), "anybody")
    await producer.start()
    try:
        for record in records:
            await producer.send(COMMANDS, record.key, record.value, list(record.headers))
    finally:
        await producer.stop()

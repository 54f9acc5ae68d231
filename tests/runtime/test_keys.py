"""Keys of records: their text on the wire, and what is read of it."""

from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from axion_gen.runtime import Client, Contract, Message, Topic
from axion_gen.runtime.client import Outgoing
from axion_gen.runtime.errors import InvalidMessageError
from axion_gen.runtime.keys import read_key

from .items import SOMEBODY

ID = UUID("0190B0A8-1C5E-7000-8000-000000000001")


class Size(StrEnum):
    SMALL = "small"


class Level(IntEnum):
    LOW = 1


class Thing(BaseModel):
    key: Any


THINGS = Topic("things", messages=(Message("thing", Thing, key=lambda message: message.key),))


class Kept:
    """Keeps the keys of what is emitted."""

    def __init__(self) -> None:
        self.keys: list[bytes | None] = []

    async def send(self, outgoing: Outgoing) -> None:
        self.keys.append(outgoing.key)


@pytest.mark.parametrize(
    ("key", "text", "type_"),
    [
        ("a", b"a", str),
        ("1", b"1", str),
        ("é", "é".encode(), str),
        (ID, str(ID).encode(), UUID),
        (7, b"7", int),
        (1.5, b"1.5", float),
        (True, b"true", bool),
        (date(2026, 1, 2), b"2026-01-02", date),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), b"2026-01-02T03:04:05Z", datetime),
        (Size.SMALL, b"small", Size),
        (Level.LOW, b"1", Level),
        (None, None, str | None),
    ],
)
async def test_a_key_from_the_payload_is_its_text(
    key: object, text: bytes | None, type_: Any
) -> None:
    kept = Kept()
    client = Client(Contract("Things", "1.0.0", (THINGS,)), kept)
    await client._emit("things", Thing(key=key), None, SOMEBODY)
    assert kept.keys == [text]
    assert read_key(text, type_) == key


@pytest.mark.parametrize(
    ("key", "type_", "said"),
    [
        (None, str, "there is none"),
        (b"\xff", str, "it is not UTF-8"),
        (b"secret", int, "no valid key"),
        (b"{", dict[str, int], "no valid key"),
    ],
)
def test_a_key_of_another_type_is_an_error_that_does_not_quote_it(
    key: bytes | None, type_: Any, said: str
) -> None:
    with pytest.raises(InvalidMessageError, match=said) as raised:
        read_key(key, type_)
    assert "secret" not in str(raised.value)

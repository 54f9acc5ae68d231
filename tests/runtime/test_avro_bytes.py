"""Bytes that are no Avro, made by who means harm: an error that says where, at once."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from axion_gen.runtime.codecs.avro import Avro
from axion_gen.runtime.errors import InvalidMessageError

ENDLESS = 1 << 60


class Anything(RootModel[Any]):
    pass


def number(value: int) -> bytes:
    """A number as Avro writes it."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value & ~0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(*fields: object) -> dict[str, object]:
    named = [{"name": f"f{place}", "type": type_} for place, type_ in enumerate(fields)]
    return {"type": "record", "name": "R", "fields": named}


TREE = record(["null", "R"], {"type": "array", "items": "R"})
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        (TREE, b"\x02" * 1_000_000, "more than 100 deep"),
        (TREE, b"\x00\x02" * 500_000, "more than 100 deep"),
        ({"type": "array", "items": "null"}, number(ENDLESS) + b"\0", "more values than bytes"),
        ({"type": "array", "items": record()}, number(ENDLESS) + b"\0", "more values than bytes"),
        (
            {"type": "array", "items": record("null", record("null") | {"name": "S"})},
            number(-ENDLESS) + number(1) + b"\0",
            "more values than bytes",
        ),
        ({"type": "array", "items": "int"}, number(ENDLESS) + b"\0\0", "ends before it does"),
        ({"type": "map", "values": "null"}, number(ENDLESS) + b"\0\0", "ends before it does"),
        (DECIMAL, number(1_000_000) + b"\x7f" * 1_000_000, "more than 10 digits"),
        (record(DECIMAL), number(1_000_000) + b"\x7f" * 1_000_000, "f0: the number has more"),
        ("bytes", number(ENDLESS) + b"a", "ends before it does"),
        ("bytes", number(-1) + b"a", "ends before it does"),
        ("string", number(2) + b"\xff\xff", "not UTF-8"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, number(2), "none of the 2 symbols"),
        (["null", "int"], number(2), "none of the 2 types"),
        (record("string", "int"), number(1) + b"a", "f1: the payload ends"),
        ({"type": "long", "logicalType": "timestamp-millis"}, number(ENDLESS), "OverflowError"),
        ({"type": "string", "logicalType": "uuid"}, number(1) + b"a", "ValueError"),
        ("int", number(1) + b"a", "1 bytes are left over"),
        ("nonsense", b"", "the schema of the contract is no Avro"),
    ],
)
def test_bytes_that_would_take_all_time_or_the_process(
    schema: object, value: bytes, said: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(InvalidMessageError, match=said) as raised:
        Avro(schema).read(value, Anything)
    assert time.monotonic() - begun < 1
    assert len(str(raised.value)) < 400


SCHEMA = {
    "type": "record",
    "name": "Whole",
    "fields": [
        {"name": "tree", "type": TREE},
        {"name": "number", "type": DECIMAL},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "one", "type": ["null", "string", {"type": "map", "values": "R"}]},
        {"name": "raw", "type": {"type": "fixed", "name": "F", "size": 3}},
        {"name": "nothing", "type": {"type": "array", "items": "null"}},
        {"name": "share", "type": "double"},
    ],
}
CODEC = Avro(SCHEMA)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_value_or_invalid(value: bytes) -> None:
    try:
        found = CODEC.read(value, Anything)
    except InvalidMessageError:
        return
    assert isinstance(found, BaseModel)

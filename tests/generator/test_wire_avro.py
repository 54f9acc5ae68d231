"""Payloads in Avro on the wire: bytes of fastavro, with and without the id of their schema."""

import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from .things import FRAMED, HEADERS, Generated, written


async def test_a_payload_is_what_fastavro_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_plain", monkeypatch, "")
    bus = generated.memory(generated.handlers)
    thing = generated.thing(parts=[generated.messages.Thing(**dict(generated.thing()))])
    delivered = await bus.deliver(thing)
    read: Any = fastavro.schemaless_reader(
        io.BytesIO(delivered.record.value), fastavro.parse_schema(generated.schema), None
    )
    assert (read["price"], read["at"], read["level"]) == (Decimal("1.50"), thing.at, 3)
    assert delivered.record.key == str(thing.id).encode()
    (seen,) = generated.handlers.seen
    assert seen.model_dump(exclude={"note", "level", "parts"}) == thing.model_dump(
        exclude={"note", "level", "parts"}
    )
    # Two records of one shape are told apart by their names.
    assert isinstance(seen.shape, generated.messages.Square)
    assert isinstance(seen.parts[0].shape, generated.messages.Square)
    await bus.client.emit("things", thing, metadata=generated.somebody)
    assert bus.emitted[0].value == delivered.record.value
    with pytest.raises(ValueError, match="ThingMade does not fit its Avro schema"):
        await bus.client.emit(
            "things", generated.thing(price=Decimal("1.555")), metadata=generated.somebody
        )


async def test_what_is_no_avro_is_a_dead_letter_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_broken", monkeypatch, "")
    bus = generated.memory(generated.handlers)
    value = (await bus.deliver(generated.thing())).record.value
    for broken, reason in (
        (value[:-2], "shape.size"),
        (value + b"more", "4 bytes are left over"),
        (b"", "id: the payload ends before it does"),
        (b"{}", "id: the payload ends before it does"),
        (b"\x04\xff\xfe" + value[3:], "id: it is not UTF-8"),
    ):
        await bus.deliver_raw("things", None, broken, HEADERS)
        assert reason in bus.dead[-1].reason, (broken, reason)
    await bus.deliver_raw("things", None, None, HEADERS)
    assert "null" in bus.dead[-1].reason
    assert len(generated.handlers.seen) == 1
    replayed = await bus.replay(bus.dead[0])
    assert replayed.record.value == value[:-2]


async def test_the_schema_s_id_stands_before_the_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = Generated(tmp_path, "avro_framed", monkeypatch, FRAMED)
    bus = generated.memory(generated.handlers)
    thing = generated.thing()
    delivered = await bus.deliver(thing)
    assert delivered.record.value[:5] == b"\0\0\0\0\x01"
    # Written by a service whose schema has a field more, another order, and no default.
    fields = [f for f in reversed(generated.schema["fields"]) if f["name"] != "note"]
    other = {**generated.schema, "fields": [{"name": "more", "type": "int"}, *fields]}
    content = {**thing.model_dump(), "more": 5, "level": 3, "parts": []}
    content["shape"] = ("com.acme.Circle", {"size": 7})
    content["id"] = thing.id
    frame = b"\0" + bus.registry.add(other).to_bytes(4)
    await bus.deliver_raw("things", None, frame + written(other, content), HEADERS)
    assert bus.dead == []
    assert generated.handlers.seen[1].shape == generated.messages.Circle(size=7)
    assert generated.handlers.seen[1].note is None
    for broken, reason in (
        (b"\0\0\0\0\x09x", "has no schema 9"),
        (b"\1\0\0\0\1x", "no schema's id"),
        (b"\0\0", "no schema's id"),
        (b"\0" + bus.registry.add("string").to_bytes(4) + b"\x02a", "no Avro of schema"),
        (b"\0" + bus.registry.add({"type": "nonsense"}).to_bytes(4), "is no Avro"),
    ):
        await bus.deliver_raw("things", None, broken, HEADERS)
        assert reason in bus.dead[-1].reason, (broken, bus.dead[-1].reason)


def test_without_fastavro_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Generated(tmp_path, "avro_missing", monkeypatch, "")
    code = "import sys; sys.modules['fastavro'] = None; import avro_missing.bus.topics"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: payloads in Avro are read and written by fastavro: add `fastavro>=1.12,<2` to"
        " the service's dependencies"
    )

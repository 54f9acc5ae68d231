"""Records on the wire: keys of a type, nulls, and messages told apart without their type."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from .generating import found_in, imported, package
from .type_checkers import MYPY, PYRIGHT, checked

ORDERS = """\
asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0}
channels:
  orders:
    address: orders
    x-axion-headers: optional
    bindings: {kafka: {partitions: 1, topicConfiguration: {cleanup.policy: [compact]}}}
    messages:
      order.placed:
        bindings: {kafka: {key: {type: string, format: uuid}}}
        payload:
          type: object
          required: [kind, id]
          properties: {kind: {const: placed}, id: {type: string}}
      order.gone:
        bindings: {kafka: {key: {type: string, format: uuid}}}
        payload:
          type: [object, 'null']
          required: [kind, id]
          properties: {kind: {enum: [gone]}, id: {type: string}}
      order.tagged:
        headers: {type: object, properties: {sort: {type: string, const: tagged}}}
        payload: {type: object, properties: {id: {type: string}}}
      order.counted:
        x-axion-key: $message.payload#/region
        bindings: {kafka: {key: {type: string, minLength: 2}}}
        payload:
          type: object
          required: [region, count]
          properties: {region: {type: string}, count: {type: integer}}
operations:
  take: {action: receive, channel: {$ref: '#/channels/orders'}}
  give: {action: send, channel: {$ref: '#/channels/orders'}}
"""

SERVICE = """
from typing import final
from uuid import UUID

from {name}.bus.handlers import ForeignContext, Handlers
from {name}.bus.messages import OrderCounted, OrderGone, OrderPlaced, OrderTagged


@final
class Orders(Handlers):
    def __init__(self) -> None:
        self.seen: list[tuple[object, object]] = []

    async def on_order_placed(self, message: OrderPlaced, context: ForeignContext[UUID]) -> None:
        key: UUID = context.key
        self.seen.append((message, key))

    async def on_order_gone(self, message: OrderGone, context: ForeignContext[UUID]) -> None:
        self.seen.append((message, context.key))

    async def on_order_tagged(self, message: OrderTagged, context: ForeignContext) -> None:
        key: bytes | None = context.key
        self.seen.append((message, key))

    async def on_order_counted(self, message: OrderCounted, context: ForeignContext[str]) -> None:
        self.seen.append((message, context.key))
"""
ID = UUID("0190b0a8-1c5e-7000-8000-000000000001")


def generated(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    (folder / "asyncapi.yaml").write_text(ORDERS)
    package(folder, folder / "asyncapi.yaml", name)
    (folder / name / "service.py").write_text(SERVICE.format(name=name))
    return imported(monkeypatch, folder, f"{name}.service")


async def test_keys_are_of_the_type_that_the_contract_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = generated(tmp_path, "keyed", monkeypatch)
    messages = importlib.import_module("keyed.bus.messages")
    somebody = importlib.import_module("keyed.bus.runtime").Metadata(user_id="a", project_id="b")
    handlers = service.Orders()
    bus = importlib.import_module("keyed.bus.testing").MemoryBus(handlers)
    placed = messages.OrderPlaced(kind="placed", id="1")
    await bus.deliver(placed, key=ID)
    counted = messages.OrderCounted(region="eu", count=1)
    await bus.deliver(counted)
    assert handlers.seen == [(placed, ID), (counted, "eu")]
    await bus.client.emit("orders", placed, key=ID, metadata=somebody)
    assert bus.emitted[0].key == str(ID).encode()
    with pytest.raises(TypeError, match=r"order.placed needs a key: emit\(..., key=...\)"):
        await bus.client.emit("orders", placed, metadata=somebody)
    with pytest.raises(ValueError, match="no valid key"):
        await bus.client.emit("orders", placed, key="no id", metadata=somebody)
    with pytest.raises(ValueError, match="at least 2 characters"):
        await bus.client.emit("orders", counted, key="e", metadata=somebody)
    await bus.deliver_raw("orders", b"no id", placed.model_dump_json().encode())
    assert "no valid key" in bus.dead[0].reason
    assert "no id" not in bus.dead[0].reason


async def test_an_object_or_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = generated(tmp_path, "nullable", monkeypatch)
    messages = importlib.import_module("nullable.bus.messages")
    handlers = service.Orders()
    bus = importlib.import_module("nullable.bus.testing").MemoryBus(handlers)
    gone = messages.OrderGone(messages.OrderGonePayload(kind="gone", id="1"))
    await bus.deliver(gone, key=ID)
    delivered = await bus.deliver(messages.OrderGone(None), key=ID)
    assert delivered.record.value is None
    await bus.deliver_raw("orders", str(ID).encode(), None)
    await bus.redeliver(delivered)
    assert handlers.seen[:2] == [(gone, ID), (messages.OrderGone(None), ID)]
    assert [message for message, _ in handlers.seen[2:]] == [messages.OrderGone(None)]
    # It is told by its headers that it may not be null.
    await bus.deliver_raw("orders", None, None, (("sort", b"tagged"),))
    assert "null" in bus.dead[0].reason
    letter = await bus.replay(bus.dead[0])
    assert letter.record.value is None


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        ({"kind": "placed", "id": "1"}, (), "OrderPlaced"),
        ({"kind": "gone", "id": "1"}, (), "OrderGone"),
        ({"region": "eu", "count": 1}, (), "OrderCounted"),
        ({"id": "1"}, (("sort", b"tagged"),), "OrderTagged"),
        # A header comes before what is in the payload.
        ({"kind": "placed", "id": "1"}, (("sort", b"tagged"),), "OrderTagged"),
        ({"kind": "placed", "id": "1"}, (("x-message-type", b"order.tagged"),), "OrderTagged"),
        # What the constant says it is it has to be.
        ({"kind": "placed"}, (), "no valid order.placed: id"),
        ({"kind": "sent", "id": "1"}, (), "is none of order.placed, order.gone"),
        ({"id": "1"}, (), "is none of order.placed"),
        ("text", (), "is none of order.placed"),
        (..., (), "no JSON"),
    ],
)
async def test_what_has_no_type_is_told_apart(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: object,
    headers: tuple[tuple[str, bytes], ...],
    expected: str,
) -> None:
    service = generated(tmp_path, "told", monkeypatch)
    try:
        handlers = service.Orders()
        bus = importlib.import_module("told.bus.testing").MemoryBus(handlers)
        value = b"{" if content is ... else json.dumps(content).encode()
        key = b"eu" if "count" in str(content) else str(ID).encode()
        await bus.deliver_raw("orders", key, value, headers)
        if bus.dead:
            assert expected in bus.dead[0].reason
        else:
            assert [type(message).__name__ for message, _ in handlers.seen] == [expected]
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "told"]:
            del sys.modules[name]


async def test_constant_headers_are_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = generated(tmp_path, "constant", monkeypatch)
    messages = importlib.import_module("constant.bus.messages")
    handlers = service.Orders()
    bus = importlib.import_module("constant.bus.testing").MemoryBus(handlers)
    delivered = await bus.deliver(messages.OrderTagged(id="1"))
    assert delivered.record.headers[-1] == ("sort", b"tagged")
    assert handlers.seen == [(messages.OrderTagged(id="1"), None)]


def test_the_topic_is_made_as_the_binding_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated(tmp_path, "configured", monkeypatch)
    topics = importlib.import_module("configured.bus.topics")
    assert topics.ORDERS.configuration == {"cleanup.policy": "compact"}


MISTAKES = """
from uuid import UUID

from mistaken.bus.client import Client
from mistaken.bus.messages import OrderCounted, OrderPlaced, OrderTagged

ID = UUID(int=0)


async def right(client: Client) -> None:
    await client.emit("orders", OrderPlaced(kind="placed", id="1"), key=ID)
    await client.emit("orders", OrderTagged(id="1"))
    await client.emit("orders", OrderTagged(id="1"), key="any")
    await client.emit("orders", OrderCounted(region="eu", count=1))
    await client.emit("orders", OrderCounted(region="eu", count=1), key="us")


async def wrong(client: Client) -> None:
    await client.emit("orders", OrderPlaced(kind="placed", id="1"))  # no key
    await client.emit("orders", OrderPlaced(kind="placed", id="1"), key="1")  # not of its type
"""


def test_type_checkers_know_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated(tmp_path, "mistaken", monkeypatch)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    for command in (MYPY, PYRIGHT):
        said = checked(tmp_path, *command, "mistaken", "mistakes.py")
        errors = [line for line in said.splitlines() if "error" in line and ":" in line]
        places = {line.split(":")[1] for line in errors if "mistakes.py:" in line}
        assert places == {"19", "20"}, said
        assert not [line for line in errors if "mistakes.py:" not in line], said


APART = """\
asyncapi: 3.0.0
info: {{title: Apart, version: 1.0.0}}
channels:
  things:
    address: things
    {headers}
    messages:
      one:
        {one}
      other:
        {other}
operations:
  take: {{action: receive, channel: {{$ref: '#/channels/things'}}, messages: {taken}}}
components:
  schemas:
    Pet:
      type: object
      discriminator: kind
      required: [kind]
      properties: {{kind: {{type: string}}}}
    Cat: {{allOf: [{{$ref: '#/components/schemas/Pet'}}]}}
    Dog: {{allOf: [{{$ref: '#/components/schemas/Pet'}}]}}
"""
BOTH = "[{$ref: '#/channels/things/messages/one'}, {$ref: '#/channels/things/messages/other'}]"
ID_ONLY = "{type: object, required: [id], properties: {id: {type: string}}}"


def said_of(folder: Path, one: str, other: str, **changes: str) -> list[tuple[str, int]]:
    values = {"headers": "x-axion-headers: optional", "taken": BOTH, **changes}
    found = found_in(folder, APART.format(one=one, other=other, **values))
    return [(finding.rule, finding.location.line) for finding in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ID_ONLY, ID_ONLY),
        (ID_ONLY, "{type: object, required: [id, name], properties: {id: {type: string}}}"),
        (ID_ONLY, "{type: object, properties: {id: {type: string}, name: {type: string}}}"),
        (ID_ONLY, "{}"),
        ("{type: [object, 'null']}", "{type: 'null'}"),
        ("{type: integer}", "{type: number}"),
        ("{oneOf: [{type: string}, {type: integer}]}", "{type: string}"),
    ],
)
def test_what_nothing_tells_apart_is_an_error(tmp_path: Path, one: str, other: str) -> None:
    payloads = f"payload: {one}", f"payload: {other}"
    assert ("messages-ambiguous", 11) in said_of(tmp_path, *payloads)
    # Where all write `x-message-type`, that does.
    assert said_of(tmp_path, *payloads, headers="description: ours") == []
    # What is not received is not mistaken for anything else.
    assert said_of(tmp_path, *payloads, taken="[]") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{type: string}", "{type: integer}"),
        ("{type: string}", ID_ONLY),
        ("{enum: [a, b]}", "{enum: [c]}"),
        ("{properties: {k: {const: a}}, required: [k]}", "{properties: {k: {const: b}}}"),
        ("{properties: {k: {type: string}}, required: [k]}", "{properties: {k: {type: integer}}}"),
        ("{properties: {a: {}}, required: [a]}", "{properties: {b: {}}, required: [b]}"),
        ("{$ref: '#/components/schemas/Cat'}", "{$ref: '#/components/schemas/Dog'}"),
        ("{oneOf: [{const: a}, {type: boolean}]}", "{oneOf: [{const: b}, {type: integer}]}"),
        (
            "{properties: {in: {properties: {k: {const: a}}, required: [k]}}, required: [in]}",
            "{properties: {in: {properties: {k: {const: b}}, required: [k]}}, required: [in]}",
        ),
    ],
)
def test_what_something_tells_apart_is_right(tmp_path: Path, one: str, other: str) -> None:
    assert said_of(tmp_path, f"payload: {one}", f"payload: {other}") == []


def test_a_header_tells_apart(tmp_path: Path) -> None:
    headers = "headers: {{properties: {{sort: {{const: {} }} }} }}\n        payload: {}"
    one, other = headers.format("a", ID_ONLY), headers.format("b", ID_ONLY)
    assert said_of(tmp_path, one, other) == []
    assert said_of(tmp_path, one, f"payload: {ID_ONLY}") == []
    assert said_of(tmp_path, one, one) == [("messages-ambiguous", 12)]

"""Generated packages at work."""

import inspect
import signal
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from .generating import CONTRACTS, ITEMS, contract_of, imported, package, small
from .type_checkers import MYPY, PYRIGHT, checked

READINGS = CONTRACTS / "readings.yaml"
NOTICES = CONTRACTS / "notices.yaml"

SERVICE = """
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import ItemCreate, ItemCreated, ItemDelete, ItemUpdate


@final
class ItemHandlers(Handlers):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await context.client.emit(
            "item.events", ItemCreated(id=message.id, name=message.name, version=1)
        )

    async def on_item_update(self, message: ItemUpdate, context: Context) -> None:
        raise AssertionError

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None:
        raise AssertionError
"""


async def test_a_command_is_handled_and_its_event_emitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, ITEMS, "handled")
    (tmp_path / "handled" / "service.py").write_text(SERVICE.format(name="handled"))
    messages = imported(monkeypatch, tmp_path, "handled.bus.messages")
    testing = imported(monkeypatch, tmp_path, "handled.bus.testing")
    service = imported(monkeypatch, tmp_path, "handled.service")
    bus = testing.MemoryBus(service.ItemHandlers())
    id_ = uuid4()
    delivered = await bus.deliver(messages.ItemCreate(id=id_, name="cup"))
    (event,) = bus.emitted
    assert bus.dead == []
    assert event.message_type == "item.created"
    assert event.message == messages.ItemCreated(id=id_, name="cup", version=1)
    assert event.key == str(id_).encode()
    assert event.causation_id == delivered.message_id


def test_a_handler_for_no_message_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, ITEMS, "misspelt")
    text = SERVICE.format(name="misspelt").replace("on_item_update", "on_item_updat")
    (tmp_path / "misspelt" / "service.py").write_text(text)
    with pytest.raises(TypeError, match="did you mean `on_item_update`"):
        imported(monkeypatch, tmp_path, "misspelt.service")


def test_the_contract_of_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, ITEMS, "described")
    topics = imported(monkeypatch, tmp_path, "described.bus.topics")
    assert topics.CONTRACT.title == "Items"
    assert topics.CONTRACT.topics == (topics.ITEM_COMMANDS, topics.ITEM_EVENTS)
    commands = topics.ITEM_COMMANDS
    assert (commands.address, commands.partitions) == ("item.commands", 3)
    assert (commands.unknown, commands.foreign_producers) == ("dead-letter", False)
    assert [message.handler for message in commands.messages] == [
        "on_item_create", "on_item_update", "on_item_delete",
    ]  # fmt: skip
    assert topics.CONTRACT.received == (commands,)


def test_models_are_values_that_ignore_what_they_do_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, ITEMS, "values")
    messages = imported(monkeypatch, tmp_path, "values.bus.messages")
    text = '{"id": "0190b0a8-1c5e-7000-8000-000000000001", "name": "cup", "version": 1, "new": 1}'
    item = messages.ItemCreated.model_validate_json(text)
    assert item == messages.ItemCreated(
        id=UUID("0190b0a8-1c5e-7000-8000-000000000001"), name="cup", version=1
    )
    with pytest.raises(ValidationError, match="frozen"):
        item.name = "mug"
    with pytest.raises(ValidationError, match="at least 1 character"):
        messages.ItemCreate(id=item.id, name="")
    stamped = messages.ItemCreated.model_validate_json(
        text.replace('"new": 1', '"made-at": "2026-01-02T03:04:05Z"')
    )
    assert stamped.made_at.year == 2026
    assert '"made-at"' in stamped.model_dump_json(by_alias=True, exclude_unset=True)


def test_received_only_from_foreign_producers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, READINGS, "readings")
    handlers = imported(monkeypatch, tmp_path, "readings.bus.handlers")
    messages = imported(monkeypatch, tmp_path, "readings.bus.messages")
    topics = imported(monkeypatch, tmp_path, "readings.bus.topics")
    client = imported(monkeypatch, tmp_path, "readings.bus.client")
    assert not hasattr(client.Client, "emit")
    assert handlers.Handlers.__abstractmethods__ == {
        "on_reading", "on_state", "on_batch", "on_tree", "on_anything",
    }  # fmt: skip
    signature = inspect.signature(handlers.Handlers.on_reading, eval_str=True)
    assert signature.parameters["context"].annotation == handlers.ForeignContext
    assert topics.METERS.foreign_producers
    reading = messages.Reading.model_validate_json(
        '{"meter": {"meter-id": "m1"}, "value": 2.5, "class": "a", "tags": {"x": "y"}}'
    )
    assert (reading.class_, reading.tags) == ("a", {"x": "y"})
    assert topics.METERS.messages[0].key(reading) == "m1"
    assert messages.State("on").root == "on"
    assert messages.Batch([1.5, None]).root == [1.5, None]
    assert messages.Anything({"a": 1}).root == {"a": 1}
    tree = messages.Tree.model_validate_json(
        '{"value": "2026-01-02", "children": [{"value": "2026-01-03"}]}'
    )
    assert tree.children[0].value.day == 3
    with pytest.raises(ValidationError):
        messages.State("away")


def test_one_topic_sent_is_a_plain_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, NOTICES, "notices")
    client = imported(monkeypatch, tmp_path, "notices.bus.client")
    handlers = imported(monkeypatch, tmp_path, "notices.bus.handlers")
    assert "overload" not in inspect.getsource(client)
    assert not handlers.Handlers.__abstractmethods__


@pytest.mark.parametrize("document", [READINGS, NOTICES], ids=lambda path: path.stem)
def test_other_shapes_are_typed_too(tmp_path: Path, document: Path) -> None:
    package(tmp_path, document, "shapes")
    assert "Success" in checked(tmp_path, *MYPY, "shapes")
    said = checked(tmp_path, *PYRIGHT, "shapes")
    assert "0 errors, 0 warnings" in said, said


def test_a_contract_without_operations_makes_an_empty_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract_of(tmp_path, "asyncapi: 3.0.0\ninfo: {title: Nothing, version: 1.0.0}\n")
    package(tmp_path, tmp_path / "asyncapi.yaml", "nothing")
    topics = imported(monkeypatch, tmp_path, "nothing.bus.topics")
    assert topics.CONTRACT.topics == ()
    imported(monkeypatch, tmp_path, "nothing.bus.kafka")


def test_a_message_on_two_topics_has_one_handler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        small(message="$ref: '#/components/messages/Made'\n        x: y")
        .replace("        payload: {type: object}\n", "")
        .replace("        x: y\n", "")
        .replace(
            "operations:",
            """\
  others:
    address: others
    messages:
      thing.made: {$ref: '#/components/messages/Made'}
operations:
  too:
    action: receive
    channel: {$ref: '#/channels/others'}""",
        )
    )
    text += "components: {messages: {Made: {payload: {properties: {id: {type: string}}}}}}\n"
    (tmp_path / "asyncapi.yaml").write_text(text)
    package(tmp_path, tmp_path / "asyncapi.yaml", "twice")
    handlers = imported(monkeypatch, tmp_path, "twice.bus.handlers")
    assert handlers.Handlers.__abstractmethods__ == {"on_thing_made"}
    assert "`things` and `others`" in handlers.Handlers.on_thing_made.__doc__


def test_the_package_runs_a_broker_with_its_topics(tmp_path: Path) -> None:
    package(tmp_path, ITEMS, "items")
    process = subprocess.Popen(
        [sys.executable, "-m", "items.bus", "broker", "--port=0", "--service=items"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            assert lines[0].startswith("Embedded Kafka broker on 127.0.0.1:"), lines
            assert [line.split()[:2] for line in lines[1:]] == [
                ["item.commands", "3"], ["item.events", "3"],
                ["items-dlq", "1"], ["items-replay", "1"],
            ]  # fmt: skip
            host, _, port = lines[0].split(",")[0].split()[-1].rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
            assert process.communicate()[1] == ""
        finally:
            process.kill()

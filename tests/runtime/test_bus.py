"""The bus on the embedded broker: records in, records and committed offsets out."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from axion_gen.runtime import EmitError, KafkaSettings, NotRunningError, StartError
from axion_gen.runtime.testing import EmbeddedBroker

from .items import (
    SOMEBODY,
    TOPICS,
    Bus,
    Context,
    ForeignContext,
    ItemCreate,
    ItemCreated,
    Quiet,
    Reading,
)
from .kafka import committed, read, until, write
from .test_headers import GOOD


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={**TOPICS, "items-dlq": 1, "items-replay": 1}) as broker:
        yield broker


# The mock cluster lets a group wait for its session timeout less a second when a member has
# left, so a second run of the bus on the same group wants short limits.
SHORT: dict[str, Any] = {
    "drain_timeout_s": 1.5,
    "rebalance_timeout_s": 1.6,
    "request_timeout_s": 2.0,
    "session_timeout_s": 2.1,
}


def bus_on(broker: EmbeddedBroker, **settings: Any) -> Bus:
    return Bus("items", KafkaSettings(bootstrap_servers=broker.bootstrap_servers, **settings))


def item(name: str, number: int = 0) -> ItemCreate:
    return ItemCreate(id=UUID(int=number), name=name)


class Recorder(Quiet):
    """Notes when handlers begin and end, and holds those whose names it is told to hold."""

    def __init__(self, *held: str) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.held = set(held)
        self.free = asyncio.Event()

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        if message.name in self.held:
            await self.free.wait()
        self.ended.append(message.name)


async def test_a_command_becomes_an_event_of_the_same_chain(broker: EmbeddedBroker) -> None:
    class Creates(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            event = ItemCreated(id=message.id, name=message.name)
            await context.client.emit("item.events", event)

    bus = bus_on(broker)
    async with bus.run(Creates()):
        command_id = await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        (event,) = await read(broker.bootstrap_servers, "item.events", at_least=1)
    (command,) = await read(broker.bootstrap_servers, "item.commands", at_least=1)
    caused, causing = dict(event.headers), dict(command.headers)
    assert event.value == b'{"id":"00000000-0000-0000-0000-000000000000","name":"cup"}'
    assert event.key == command.key == str(UUID(int=0)).encode()
    assert caused["x-causation-id"] == causing["x-message-id"] == command_id.encode()
    assert caused["x-correlation-id"] == causing["x-correlation-id"]
    assert (caused["x-user-id"], caused["x-project-id"]) == (b"ada", b"looms")
    assert caused["x-message-type"] == b"item.created"


async def test_a_key_is_handled_in_order_while_others_go_on(broker: EmbeddedBroker) -> None:
    handlers = Recorder("first")
    bus = bus_on(broker)
    async with bus.run(handlers):
        for message in (item("first", 1), item("second", 1), item("other", 2)):
            await bus.client.emit("item.commands", message, metadata=SOMEBODY)
        await until(lambda: "other" in handlers.ended, "another key is handled")
        assert handlers.begun.count("second") == 0
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 3, "the key goes on")
    assert handlers.begun.index("first") < handlers.begun.index("second")


async def test_ordering_by_partition(broker: EmbeddedBroker) -> None:
    handlers = Recorder("first")
    async with bus_on(broker, ordering="partition").run(handlers):
        for name, key in (("first", b"1"), ("second", b"2")):
            await write(
                broker.bootstrap_servers,
                "item.commands",
                item(name).model_dump_json().encode(),
                key=key,
                headers=(*GOOD.items(), ("x-message-type", b"item.create")),
                partition=0,
            )
        await until(lambda: handlers.begun == ["first"], "the first is being handled")
        handlers.free.set()
        await until(lambda: handlers.ended == ["first", "second"], "the partition goes on")


async def test_no_more_handlers_run_at_once_than_allowed(broker: EmbeddedBroker) -> None:
    running = most = done = 0

    class Counts(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            nonlocal running, most, done
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            done += 1

    bus = bus_on(broker, max_concurrent_handlers=3)
    async with bus.run(Counts()):
        for number in range(40):
            await bus.client.emit("item.commands", item("cup", number), metadata=SOMEBODY)
        await until(lambda: done == 40, "all are handled")
    assert most == 3


async def test_a_waiting_retry_holds_its_key_and_no_slot(broker: EmbeddedBroker) -> None:
    calls: list[str] = []

    class FailsOnce(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            calls.append(message.name)
            if message.name == "fails" and context.attempt == 0:
                raise ConnectionError

    bus = bus_on(broker, max_concurrent_handlers=1, retry_backoff_ms=1000)
    async with bus.run(FailsOnce()):
        for message in (item("fails", 1), item("same key", 1), item("other key", 2)):
            await bus.client.emit("item.commands", message, metadata=SOMEBODY)
        await until(lambda: len(calls) == 4, "all are handled")
    assert calls.index("other key") < len(calls) - 1 - calls[::-1].index("fails")
    assert calls[-2:] == ["fails", "same key"]


@pytest.mark.parametrize(("key", "value"), [(b"\xfe", b"\xffnot json"), (None, b""), (None, None)])
async def test_poison_is_dead_lettered_byte_for_byte_and_committed(
    broker: EmbeddedBroker, key: bytes | None, value: bytes | None
) -> None:
    handlers = Recorder()
    headers = (*GOOD.items(), ("x-message-type", b"item.create"), ("other", b"\x00\xff"))
    servers = broker.bootstrap_servers
    bus = bus_on(broker, commit_interval_ms=50)
    async with bus.run(handlers):
        if value is None:  # a producer's `send` refuses it, the runtime's does not
            assert bus._transport.producer is not None
            await bus._transport.producer.send("item.commands", key, value, headers)
        else:
            await write(servers, "item.commands", value, key=key, headers=headers)
        (letter,) = await read(servers, "items-dlq", at_least=1)
    assert (letter.key, letter.value) == (key, value)
    assert tuple(letter.headers[: len(headers)]) == headers
    added = dict(letter.headers[len(headers) :])
    assert added["x-dlq-topic"] == b"item.commands"
    assert added["x-dlq-error-type"] == b"InvalidMessageError"
    assert added["x-dlq-service"] == b"items"
    partition = int(added["x-dlq-partition"] or b"")
    assert await committed(servers, "items-group", "item.commands", partition) == 1
    assert handlers.begun == []


async def test_a_handler_out_of_time_has_failed(broker: EmbeddedBroker) -> None:
    handlers = Recorder("slow")
    bus = bus_on(broker, handler_timeout_s=0.05, retry_attempts=2, retry_backoff_ms=0)
    async with bus.run(handlers):
        await bus.client.emit("item.commands", item("slow"), metadata=SOMEBODY)
        (letter,) = await read(broker.bootstrap_servers, "items-dlq", at_least=1)
    assert dict(letter.headers)["x-dlq-error-type"] == b"HandlerTimeoutError"
    assert handlers.begun == ["slow", "slow"]


async def test_stopping_finishes_what_runs_and_commits_it(broker: EmbeddedBroker) -> None:
    handlers = Recorder("cup")
    bus = bus_on(broker, commit_interval_ms=600_000, **SHORT)
    async with bus.run(handlers):
        await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        await until(lambda: handlers.begun == ["cup"], "it is being handled")
        asyncio.get_running_loop().call_later(0.1, handlers.free.set)
    assert handlers.ended == ["cup"]

    again = Recorder()
    async with bus_on(broker, **SHORT).run(again):
        await write_one_more(broker)
        await until(lambda: "one more" in again.begun, "the next run goes on")
    assert again.begun == ["one more"]


async def test_what_outlives_the_drain_is_handled_again(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Recorder("cup")
    bus = bus_on(broker, **SHORT | {"drain_timeout_s": 0.2})
    async with bus.run(handlers):
        await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        await until(lambda: handlers.begun == ["cup"], "it is being handled")
    assert handlers.ended == []
    assert "1 handlers outlived the drain" in caplog.text

    again = Recorder()
    async with bus_on(broker, **SHORT).run(again):
        await until(lambda: again.ended == ["cup"], "it is handled again")


async def write_one_more(broker: EmbeddedBroker) -> None:
    await write(
        broker.bootstrap_servers,
        "item.commands",
        item("one more").model_dump_json().encode(),
        key=str(UUID(int=0)).encode(),
        headers=(*GOOD.items(), ("x-message-type", b"item.create")),
    )


async def test_a_hot_key_does_not_starve_the_others(broker: EmbeddedBroker) -> None:
    handlers = Recorder("hot")
    bus = bus_on(broker, max_in_flight_per_partition=20, max_in_flight=60)
    async with bus.run(handlers):
        await asyncio.gather(
            *(
                bus.client.emit("item.commands", item("hot", 1), metadata=SOMEBODY)
                for _ in range(200)
            )
        )
        await until(lambda: bool(handlers.begun), "the hot key is being handled")
        others = [item(f"other {number}", number) for number in range(2, 40)]
        hot = (await read(broker.bootstrap_servers, "item.commands", at_least=1))[0].partition
        for other in others:
            await bus.client.emit("item.commands", other, metadata=SOMEBODY)
        elsewhere = {
            record.value
            for record in await read(
                broker.bootstrap_servers, "item.commands", at_least=200 + len(others)
            )
            if record.partition != hot
        }
        assert elsewhere, "some keys are in other partitions"
        await until(lambda: len(handlers.ended) >= len(elsewhere), "other partitions go on")
        assert handlers.begun.count("hot") == 1
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 200 + len(others), "the hot partition goes on")


async def test_an_outage_of_the_brokers_loses_nothing(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await bus.client.emit("item.commands", item("before"), metadata=SOMEBODY)
        await until(lambda: handlers.ended == ["before"], "the bus works")
        broker.set_down(1)
        emitting = asyncio.create_task(
            bus.client.emit("item.commands", item("meanwhile"), metadata=SOMEBODY)
        )
        done, _ = await asyncio.wait((emitting,), timeout=0.5)
        assert not done, "nothing is acknowledged while the brokers are away"
        broker.set_up(1)
        await emitting
        await until(lambda: "meanwhile" in handlers.ended, "the bus goes on")


async def test_no_acknowledgement_in_time_is_unknown(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    bus = bus_on(broker, emit_timeout_s=0.2)
    async with bus.run(handlers):
        await bus.client.emit("item.commands", item("early"), metadata=SOMEBODY)
        broker.set_down(1)
        with pytest.raises(EmitError, match="may still arrive") as raised:
            await bus.client.emit("item.commands", item("late"), metadata=SOMEBODY)
        assert raised.value.unknown
        broker.set_up(1)
        await until(lambda: "late" in handlers.ended, "it does arrive")


async def test_foreign_producers_need_no_headers(broker: EmbeddedBroker) -> None:
    seen: list[tuple[float, str | None, str]] = []

    class Reads(Quiet):
        async def on_reading(self, message: Reading, context: ForeignContext) -> None:
            seen.append((message.value, context.user_id, context.message_id))

    async with bus_on(broker).run(Reads()):
        await write(broker.bootstrap_servers, "readings", b'{"value": 2.5}')
        await until(lambda: bool(seen), "the reading is handled")
    assert seen == [(2.5, None, "readings:0:0")]


async def test_the_prefix_goes_before_every_topic_and_the_group(broker: EmbeddedBroker) -> None:
    for name, partitions in {**TOPICS, "items-dlq": 1, "items-replay": 1}.items():
        broker.create_topic(f"blue.{name}", partitions)
    servers = broker.bootstrap_servers
    addresses: list[str] = []

    class Fails(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            addresses.append(context.topic)
            raise ValueError(message.name)

    bus = bus_on(broker, topic_prefix="blue.", retry_attempts=1)
    async with bus.run(Fails()):
        await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        (letter,) = await read(servers, "blue.items-dlq", at_least=1)
    said = dict(letter.headers)
    assert said["x-dlq-topic"] == b"blue.item.commands"
    assert said["x-dlq-group"] == b"blue.items-group"
    assert addresses == ["item.commands"]
    partition = int(said["x-dlq-partition"] or b"")
    assert await committed(servers, "blue.items-group", "blue.item.commands", partition) == 1


async def test_missing_topics_are_named_and_not_created() -> None:
    with EmbeddedBroker(topics={"item.commands": 1}) as broker:
        for _ in range(2):  # asking must not have made them
            with pytest.raises(
                StartError, match=r"missing on .*: item.events, items-dlq, items-replay, readings"
            ):
                async with bus_on(broker).run(Quiet()):
                    pass


async def test_no_broker_is_said_in_one_line() -> None:
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1", start_timeout_s=0.1)
    with pytest.raises(StartError, match=r"no Kafka broker answers at 127.0.0.1:1 .*start one"):
        async with Bus("items", settings).run(Quiet()):
            pass


async def test_an_address_that_is_none_is_said_in_one_line() -> None:
    settings = KafkaSettings(bootstrap_servers="kafka:port")
    with pytest.raises(StartError, match="KAFKA_BOOTSTRAP_SERVERS='kafka:port' is wrong"):
        async with Bus("items", settings).run(Quiet()):
            pass


@pytest.mark.parametrize(
    "name", ["", "Items", "1items", "items_", "-items", "a" * 64, "a/b", "a\n"]
)
def test_a_service_name_that_is_no_name(name: str) -> None:
    with pytest.raises(StartError, match="is no name for a service"):
        Bus(name)


async def test_emitting_needs_a_running_bus(broker: EmbeddedBroker) -> None:
    bus = bus_on(broker)
    with pytest.raises(NotRunningError):
        await bus.client.emit("item.commands", item("early"), metadata=SOMEBODY)
    async with bus.run(Quiet()):
        await until(lambda: bus.ready, "the group is joined")
    with pytest.raises(NotRunningError):
        await bus.client.emit("item.commands", item("late"), metadata=SOMEBODY)
    assert not bus.ready


async def test_the_same_ids_again_are_the_same_message(broker: EmbeddedBroker) -> None:
    """A handler that fails after it emitted emits the same ids when it runs again."""

    class FailsAfterEmitting(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            for _ in range(2):
                await context.client.emit("item.events", ItemCreated(id=uuid4(), name="x"))
            if context.attempt == 0:
                raise ConnectionError

    bus = bus_on(broker)
    async with bus.run(FailsAfterEmitting()):
        await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        events = await read(broker.bootstrap_servers, "item.events", at_least=4)
    ids = [dict(event.headers)["x-message-id"] for event in events]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


async def test_the_log_says_what_was_decided(
    broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bus = bus_on(broker, retry_backoff_ms=1)

    class Fails(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            raise ValueError("broken")

    async with bus.run(Fails()):
        await bus.client.emit("item.commands", item("cup"), metadata=SOMEBODY)
        await read(broker.bootstrap_servers, "items-dlq", at_least=1)
    assert "@0: attempt 2 of 3 failed, next in 2 ms: ValueError: broken" in caplog.text
    assert "@0: dead letter after 3 attempts: ValueError: broken" in caplog.text

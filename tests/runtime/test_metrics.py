"""What Prometheus is shown, after real messages on the embedded broker."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import create_async_engine

import axion_gen.runtime
from axion_gen.runtime import DependencyUnavailable, EmitError, MemoryStore, PermanentError
from axion_gen.runtime.metrics import BusCollector
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.testing import ApiKey, EmbeddedBroker

from ..scenarios.service import (
    COMMANDS,
    LETTERS,
    SERVICE_TOPICS,
    Recorder,
    ServiceBus,
    bus_on,
    command,
    headers_of,
)
from .items import SOMEBODY, Context, ItemCreate, ItemCreated, Quiet
from .kafka import read, until, write

UNKNOWN_MEMBER = 25


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


class Scraped:
    """The bus as Prometheus sees it: over the text of a scrape."""

    def __init__(self, bus: ServiceBus) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(BusCollector(bus, blueprint="crud-service"))

    def values(self) -> dict[str, float]:
        """All values by `name{label,label}`, the labels in the order of their names."""
        text = generate_latest(self.registry).decode()
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(value for _, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def __getitem__(self, name: str) -> float | None:
        return self.values().get(name)


class Mixed(Quiet):
    """Does with a message what its name says."""

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        match message.name:
            case "fails once" if context.attempt == 0:
                raise ConnectionError
            case "fails":
                raise PermanentError
            case "emits":
                event = ItemCreated(id=message.id, name=message.name)
                await context.client.emit("item.events", event)


async def test_what_became_of_each_message(broker: EmbeddedBroker) -> None:
    servers = broker.bootstrap_servers
    bus = bus_on(broker, retry_backoff_ms=0)
    scraped = Scraped(bus)
    async with bus.run(Mixed()):
        await command(broker, "fine", "fails once", "fails", "emits")
        await write(servers, COMMANDS, b"no JSON", headers=headers_of(), partition=0)
        await write(servers, "readings", b"{}", headers=headers_of("gauge.lost"))
        await read(servers, LETTERS, at_least=2)
        await until(lambda: scraped["axion_messages_skipped_total{readings}"] == 1, "all done")
        values = scraped.values()
        assert values["axion_messages_received_total{item.commands}"] == 5
        assert values["axion_messages_handled_total{item.commands}"] == 3
        assert values["axion_messages_dead_lettered_total{item.commands}"] == 2
        assert values["axion_handler_failures_total{item.commands}"] == 3
        assert values["axion_handler_retries_total{item.commands}"] == 1
        assert values["axion_messages_duplicate_total{item.commands}"] == 0
        assert values["axion_messages_emitted_total"] == 1
        assert values["axion_handler_duration_seconds_count{item.commands}"] == 5
        assert values["axion_handler_duration_seconds_bucket{+Inf,item.commands}"] == 5
        assert values["axion_rebalances_total"] == 1
        assert values["axion_ready"] == values["axion_alive"] == 1
        await until(lambda: scraped["axion_dead_letters_open"] == 2, "the depth is known")
        assert (scraped["axion_dead_letters_oldest_seconds"] or -1) >= 0
        await until(lambda: (scraped["axion_commits_total"] or 0) > 0, "it is committed")
    assert scraped["axion_ready"] == 0


async def test_what_is_processed_already_is_a_duplicate(broker: EmbeddedBroker) -> None:
    store = MemoryStore()
    handlers = Recorder()
    async with bus_on(broker, store=store).run(handlers):
        await command(broker, "cup", "saucer")
        await until(lambda: len(handlers.ended) == 2, "both are handled")
    bus = bus_on(broker, store=store, group_id="one-that-has-committed-nothing")
    scraped = Scraped(bus)
    async with bus.run(handlers):
        await until(
            lambda: scraped["axion_messages_duplicate_total{item.commands}"] == 2, "both are known"
        )
    assert scraped["axion_messages_handled_total{item.commands}"] == 0
    assert handlers.ended == ["cup", "saucer"]


async def test_lag_and_what_is_in_flight(broker: EmbeddedBroker) -> None:
    handlers = Recorder("slow")
    bus = bus_on(broker, max_in_flight_per_partition=2)
    scraped = Scraped(bus)
    await command(broker, "fine", "slow", *("behind" for _ in range(8)))
    async with bus.run(handlers):
        await until(lambda: scraped["axion_consumer_lag_records{1,item.commands}"] == 0, "no lag")
        await until(lambda: "slow" in handlers.begun, "it is being handled")
        # From the slow one to the end.
        await until(lambda: scraped["axion_consumer_lag_records{0,item.commands}"] == 9, "lag")
        assert scraped["axion_messages_in_flight{0,item.commands}"] in (1, 2)
        older = scraped["axion_consumer_lag_seconds{0,item.commands}"] or 0
        assert older > 0
        await until(
            lambda: (scraped["axion_consumer_lag_seconds{0,item.commands}"] or 0) > older,
            "it grows older",
        )
        assert scraped["axion_consumer_lag_seconds{1,item.commands}"] == 0
        handlers.free.set()
        await until(lambda: len(handlers.ended) == 10, "all are handled")
        assert scraped["axion_consumer_lag_records{0,item.commands}"] == 0
        assert scraped["axion_consumer_lag_seconds{0,item.commands}"] == 0
    assert "axion_consumer_lag_records{0,item.commands}" not in scraped.values()


async def test_what_is_held_and_for_how_long(broker: EmbeddedBroker) -> None:
    away = True

    class Depends(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if away:
                raise DependencyUnavailable

    bus = bus_on(broker, retry_backoff_ms=0)
    scraped = Scraped(bus)
    async with bus.run(Depends()):
        assert scraped["axion_messages_held"] == scraped["axion_messages_held_seconds"] == 0
        await command(broker, "cup")
        await until(lambda: scraped["axion_messages_held"] == 1, "it is held")
        await until(lambda: (scraped["axion_messages_held_seconds"] or 0) > 0, "for a while")
        away = False
        await until(lambda: scraped["axion_messages_held"] == 0, "it goes on")
        assert scraped["axion_messages_held_seconds"] == 0
        # Three attempts, and at least one more while it was held.
        assert (scraped["axion_handler_failures_total{item.commands}"] or 0) >= 3
        assert (scraped["axion_handler_retries_total{item.commands}"] or 0) >= 3


async def test_commits_and_jumps_and_failed_emits(broker: EmbeddedBroker) -> None:
    bus = bus_on(broker, emit_timeout_s=0.2)
    scraped = Scraped(bus)
    async with bus.run(Recorder()):
        await until(lambda: (scraped["axion_rebalances_total"] or 0) > 0, "it has partitions")
        broker.push_errors(ApiKey.OFFSET_COMMIT, *[UNKNOWN_MEMBER] * 3)
        await command(broker, "cup")
        await until(lambda: (scraped["axion_commit_failures_total"] or 0) > 0, "one has failed")
        broker.set_down(1)
        event = ItemCreated(id=UUID(int=0), name="cup")
        with pytest.raises(EmitError):
            await bus.client.emit("item.events", event, metadata=SOMEBODY)
        assert scraped["axion_emit_failures_total"] == 1
        broker.set_up(1)


async def test_the_outbox(broker: EmbeddedBroker, tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'items.db'}")
    await create_tables(engine)
    bus = bus_on(broker, store=SqlStore(engine))
    scraped = Scraped(bus)
    assert "axion_outbox_pending" not in scraped.values(), "nothing runs yet"
    try:
        async with bus.run(Recorder()):
            async with bus.transaction() as transaction:
                event = ItemCreated(id=UUID(int=0), name="cup")
                await transaction.client.emit("item.events", event, metadata=SOMEBODY)
            await until(lambda: scraped["axion_outbox_sent_total"] == 1, "it is sent")
            values = scraped.values()
            assert values["axion_outbox_leader"] == 1
            assert values["axion_outbox_parked"] == 0
            assert values["axion_messages_emitted_total"] == 1
            assert {"axion_outbox_pending", "axion_outbox_oldest_seconds"} <= values.keys()
    finally:
        await engine.dispose()


async def test_a_registry_takes_the_bus_before_it_runs_and_one_only() -> None:
    bus = bus_on("127.0.0.1:1")
    scraped = Scraped(bus)
    assert scraped["axion_ready"] == 0
    assert scraped["axion_alive"] == 1
    assert scraped["axion_build_info{crud-service,1.0.0,}"] == 1
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        scraped.registry.register(BusCollector(bus))


def test_the_runtime_of_a_service_says_which_generator_made_it(tmp_path: Path) -> None:
    """There the runtime is in `bus/runtime`, beside `bus/axion.lock`."""
    package = tmp_path / "service_bus"
    copytree(Path(axion_gen.runtime.__file__).parent, package / "runtime")
    (package / "__init__.py").touch()
    (package / "axion.lock").write_text(json.dumps({"generator": "1.2.3"}))
    script = (
        "from service_bus.runtime import Bus, Client, Contract\n"
        "from service_bus.runtime.metrics import BusCollector\n"
        "bus = Bus('items', Contract('Items', '4.5.6', ()), Client)\n"
        "for family in BusCollector(bus, blueprint='crud-service').collect():\n"
        "    if family.name == 'axion_build_info':\n"
        "        print(*family.samples[0].labels.values())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout == "1.2.3 crud-service 4.5.6\n"


async def test_another_thread_may_scrape_under_load(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    scraped = Scraped(bus)
    scrapes = 0
    done = threading.Event()

    def scrape() -> int:
        count = 0
        while not done.is_set():
            scraped.values()
            count += 1
        return count

    async with bus.run(handlers):
        scraping = asyncio.create_task(asyncio.to_thread(scrape))
        await command(broker, *("cup" for _ in range(200)))
        await until(lambda: len(handlers.ended) == 200, "all are handled")
        done.set()
        scrapes = await scraping
    assert scrapes > 0


async def test_labels_tell_nothing_of_messages_and_people(broker: EmbeddedBroker) -> None:
    handlers = Recorder()
    bus = bus_on(broker)
    async with bus.run(handlers):
        await command(broker, "a secret", key=b"a key")
        await until(lambda: bool(handlers.ended), "it is handled")
        labels = {
            name
            for family in BusCollector(bus).collect()
            for sample in family.samples
            for name in sample.labels
        }
    assert labels == {"topic", "partition", "le", "runtime", "blueprint", "contract"}

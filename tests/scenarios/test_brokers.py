"""Brokers that go and come back, and one of several that hangs."""

import asyncio
from collections import Counter
from ctypes import c_void_p

import pytest

from axion_gen.runtime.kafka.line import _murmur2
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.librdkafka import load

from ..runtime.items import SOMEBODY
from ..runtime.kafka import committed, until
from ..runtime.test_bus import item
from .service import COMMANDS, GROUP, SERVICE_TOPICS, Recorder, bus_on, command

DOWN_S = 5.0
HANGS_S = 120.0
"""Longer than any test waits: who had to wait for the answer would fail."""
PARTITIONS = 6
COORDINATOR = 1


async def test_brokers_that_are_down_for_a_while_cost_nothing(broker: EmbeddedBroker) -> None:
    handlers = Recorder("at work")
    bus = bus_on(broker)
    async with bus.run(handlers):
        await command(broker, "before", "at work")
        await until(lambda: "at work" in handlers.begun, "it is being handled")
        broker.set_down(1)
        handlers.free.set()  # what ends now cannot be committed yet
        emitting = [
            asyncio.create_task(
                bus.client.emit(COMMANDS, item(f"{number}", number), metadata=SOMEBODY)
            )
            for number in range(20)
        ]
        await asyncio.sleep(DOWN_S)
        assert bus.health.alive
        assert not any(task.done() for task in emitting)
        broker.set_up(1)
        await asyncio.gather(*emitting)
        await command(broker, "after")
        await until(lambda: len(set(handlers.ended)) == 23, "all is handled")
    expected = {"before", "at work", "after", *map(str, range(20))}
    assert Counter(handlers.ended) == dict.fromkeys(expected, 1)
    offsets = [await committed(broker.bootstrap_servers, GROUP, COMMANDS, p) for p in range(3)]
    assert sum(offset or 0 for offset in offsets) == 23


@pytest.mark.parametrize("which", ["coordinator", "another"])
async def test_one_broker_of_three_that_hangs_does_not_stop_the_others(which: str) -> None:
    with EmbeddedBroker(topics={**SERVICE_TOPICS, COMMANDS: PARTITIONS}, brokers=3) as broker:
        _set_roles(broker)
        hanging = COORDINATOR if which == "coordinator" else 2
        keys = range(30)
        leaders = {number: _leader_of(_partition_of(number)) for number in keys}
        assert set(leaders.values()) == {1, 2, 3}
        healthy = {str(number) for number in keys if leaders[number] != hanging}

        handlers = Recorder()
        bus = bus_on(broker, session_timeout_s=45)
        async with bus.run(handlers):
            for number in keys:  # all connections are made
                await bus.client.emit(COMMANDS, item("before", number), metadata=SOMEBODY)
            await until(lambda: len(handlers.ended) == len(keys), "all partitions are read")

            broker.set_round_trip_time(hanging, HANGS_S)
            emitting = [
                asyncio.create_task(
                    bus.client.emit(COMMANDS, item(f"{number}", number), metadata=SOMEBODY)
                )
                for number in keys
            ]
            await until(lambda: healthy <= set(handlers.ended), "the others are written and read")
            assert set(handlers.ended) == healthy | {"before"}

            broker.set_round_trip_time(hanging, 0)
            broker.set_down(hanging)  # what hangs there is dropped
            broker.set_up(hanging)
            await asyncio.gather(*emitting)
            everything = {"before", *map(str, keys)}
            await until(lambda: set(handlers.ended) == everything, "it goes on there too")


def _partition_of(number: int) -> int:
    return _murmur2(str(item("", number).id).encode()) % PARTITIONS


def _leader_of(partition: int) -> int:
    return 1 + partition % 3


def _set_roles(broker: EmbeddedBroker) -> None:
    cluster = c_void_p(broker._cluster)
    for partition in range(PARTITIONS):
        load().rd_kafka_mock_partition_set_leader(
            cluster, COMMANDS.encode(), partition, _leader_of(partition)
        )
    load().rd_kafka_mock_coordinator_set(cluster, b"group", GROUP.encode(), COORDINATOR)

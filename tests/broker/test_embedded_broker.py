"""The embedded broker, as clients see it."""

import _ctypes
import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)
from aiokafka.errors import MessageSizeTooLargeError  # type: ignore[import-untyped]  # likewise
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime.errors import BusError
from axion_gen.runtime.testing import DISCONNECT, ApiKey, EmbeddedBroker, EmbeddedBrokerError

PATIENCE_S = 20.0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"cups": 3}, brokers=3) as broker:
        yield broker


@asynccontextmanager
async def producer(broker: EmbeddedBroker, **options: Any) -> AsyncIterator[Any]:
    client = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def consumer(broker: EmbeddedBroker, *topics: str, **options: Any) -> AsyncIterator[Any]:
    client = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=broker.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **options,
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def take(client: Any, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE_S):
        return [await client.getone() for _ in range(count)]


def addresses(broker: EmbeddedBroker) -> list[tuple[str, int]]:
    pairs = [address.rsplit(":", 1) for address in broker.bootstrap_servers.split(",")]
    return [(host, int(port)) for host, port in pairs]


async def test_what_is_produced_is_consumed_as_it_was(broker: EmbeddedBroker) -> None:
    headers = [("x-user-id", b"u"), ("raw", b"\xff\x00")]
    async with producer(broker) as sender, consumer(broker, "cups") as receiver:
        sent = await sender.send_and_wait(
            "cups", b"\x00value", key=b"key", headers=headers, partition=2
        )
        [record] = await take(receiver, 1)
    assert (record.topic, record.partition, record.offset) == ("cups", 2, sent.offset)
    assert (record.key, record.value, list(record.headers)) == (b"key", b"\x00value", headers)


async def test_topics_have_the_partitions_they_were_given(broker: EmbeddedBroker) -> None:
    broker.create_topic("plates", partitions=7)
    async with producer(broker) as sender:
        assert await sender.partitions_for("cups") == {0, 1, 2}
        assert await sender.partitions_for("plates") == set(range(7))


async def test_a_group_goes_on_where_it_committed(broker: EmbeddedBroker) -> None:
    async with producer(broker) as sender:
        for number in range(4):
            await sender.send_and_wait("cups", str(number).encode(), partition=0)
    # The group waits for a session timeout before it takes the next member.
    group = {"group_id": "kitchen", "session_timeout_ms": 1500, "heartbeat_interval_ms": 300}
    async with consumer(broker, "cups", **group) as first:
        taken = await take(first, 2)
        await first.commit({TopicPartition("cups", 0): taken[-1].offset + 1})
    async with consumer(broker, "cups", **group) as second:
        assert [record.value for record in await take(second, 2)] == [b"2", b"3"]


async def test_a_send_waits_for_brokers_that_are_down(broker: EmbeddedBroker) -> None:
    async with producer(broker, enable_idempotence=True) as sender:
        await sender.send_and_wait("cups", b"before", partition=0)
        for number in broker.broker_ids:
            broker.set_down(number)
        waiting = asyncio.create_task(sender.send_and_wait("cups", b"meanwhile", partition=0))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        for number in broker.broker_ids:
            broker.set_up(number)
        async with asyncio.timeout(PATIENCE_S):
            sent = await waiting
    async with consumer(broker, "cups") as receiver:
        records = await take(receiver, 2)
    assert [record.value for record in records] == [b"before", b"meanwhile"]
    assert sent.offset == 1


def test_a_broker_that_is_down_refuses_and_comes_back_on_its_port(broker: EmbeddedBroker) -> None:
    first, second, _ = addresses(broker)
    broker.set_down(1)
    broker.set_down(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(first)
    socket.create_connection(second).close()
    broker.set_up(1)
    socket.create_connection(first).close()


async def test_errors_answer_one_request_each(broker: EmbeddedBroker) -> None:
    too_large = 10
    async with producer(broker) as sender:
        broker.push_errors(ApiKey.PRODUCE, 0, too_large)
        await sender.send_and_wait("cups", b"a")
        with pytest.raises(MessageSizeTooLargeError):
            await sender.send_and_wait("cups", b"b")
        await sender.send_and_wait("cups", b"c")


async def test_errors_of_one_broker_do_not_touch_the_others() -> None:
    with EmbeddedBroker({"cups": 1}, brokers=2) as broker:
        async with producer(broker) as sender:
            await sender.partitions_for("cups")
            leader = sender.client.cluster.leader_for_partition(TopicPartition("cups", 0))
            [other] = set(broker.broker_ids) - {leader}
            broker.push_errors(ApiKey.PRODUCE, 10, 10, broker=other)
            await sender.send_and_wait("cups", b"a")
            broker.push_errors(ApiKey.PRODUCE, 10, broker=leader)
            with pytest.raises(MessageSizeTooLargeError):
                await sender.send_and_wait("cups", b"b")


async def test_a_dropped_connection_is_made_again() -> None:
    with EmbeddedBroker({"cups": 1}) as broker:
        async with producer(broker, enable_idempotence=True) as sender:
            broker.push_errors(ApiKey.PRODUCE, DISCONNECT)
            async with asyncio.timeout(PATIENCE_S):
                await sender.send_and_wait("cups", b"a")


async def test_a_round_trip_takes_as_long_as_it_is_told() -> None:
    loop = asyncio.get_running_loop()
    with EmbeddedBroker({"cups": 1}) as broker:
        async with producer(broker) as sender:
            await sender.send_and_wait("cups", b"a")
            broker.set_round_trip_time(1, 0.3)
            started = loop.time()
            await sender.send_and_wait("cups", b"b")
            assert loop.time() - started >= 0.3
            broker.set_round_trip_time(1, 0)


async def test_deleted_records_are_gone_and_the_others_keep_their_offsets(
    broker: EmbeddedBroker,
) -> None:
    async with producer(broker) as sender:
        for number in range(10):
            await sender.send_and_wait("cups", str(number).encode(), partition=1)
    broker.delete_records("cups", 1, before_offset=6)
    broker.delete_records("cups", 1, before_offset=2)
    partition = TopicPartition("cups", 1)
    async with consumer(broker, "cups") as receiver:
        assert await receiver.beginning_offsets([partition]) == {partition: 6}
        assert [record.offset for record in await take(receiver, 4)] == [6, 7, 8, 9]


def test_a_stopped_broker_frees_its_ports_and_starts_anew() -> None:
    broker = EmbeddedBroker({"cups": 1})
    broker.stop()
    broker.start()
    broker.create_topic("plates")
    [address] = addresses(broker)
    broker.stop()
    broker.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with broker:
        broker.create_topic("plates")
        with pytest.raises(EmbeddedBrokerError, match="topic cups exists already"):
            broker.create_topic("cups")
        with pytest.raises(EmbeddedBrokerError, match="is running already"):
            broker.start()


def test_two_brokers_know_nothing_of_each_other() -> None:
    with EmbeddedBroker({"cups": 1}) as one, EmbeddedBroker({"cups": 1}) as other:
        assert one.bootstrap_servers != other.bootstrap_servers
        one.stop()
        [address] = addresses(other)
        socket.create_connection(address).close()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda b: b.set_down(4), "there is no broker 4: they are numbered 1 to 3"),
        (lambda b: b.set_down(-1), "there is no broker -1"),
        (lambda b: b.set_up(0), "there is no broker 0"),
        (lambda b: b.set_round_trip_time(9, 1), "there is no broker 9"),
        (lambda b: b.set_round_trip_time(1, -1), "a round trip takes 0 to 3600 s, not -1"),
        (lambda b: b.set_round_trip_time(1, float("nan")), "not nan"),
        (lambda b: b.set_round_trip_time(1, float("inf")), "not inf"),
        (lambda b: b.push_errors(ApiKey.PRODUCE, 6, broker=2**32 + 1), "there is no broker"),
        (lambda b: b.push_errors(ApiKey.PRODUCE, 2**16 + 6), "65542 is no error code"),
        (lambda b: b.create_topic("plates", partitions=0), "topic plates can have 1 to 100,000"),
        (lambda b: b.create_topic("plates", partitions=-3), "not -3"),
        (lambda b: b.create_topic("plates", partitions=2**32 + 1), "not 4,294,967,297"),
        (lambda b: b.create_topic("a b"), "'a b' is no name of a topic"),
        (lambda b: b.create_topic("a\x00b"), r"'a\x00b' is no name of a topic"),
        (lambda b: b.delete_records("plates", 0, 1), "before offset 1: Broker: Unknown topic"),
        (lambda b: b.delete_records("cups", 3, 1), "topic cups, partition 3"),
        (lambda b: b.delete_records("cups", -1, 1), "partition -1 or offset 1 of topic cups"),
        (lambda b: b.delete_records("cups", 2**32, 1), "partition 4294967296"),
        (lambda b: b.delete_records("cups", 0, -1), "offset -1"),
        (lambda b: b.delete_records("cups", 0, 1), "before offset 1: Broker: Offset out of range"),
        (lambda b: EmbeddedBroker(brokers=0), "1 to 100 brokers can run, not 0"),
        (lambda b: EmbeddedBroker(brokers=101), "1 to 100 brokers can run, not 101"),
        (lambda b: EmbeddedBroker({"cups": 0}), "topic cups can have"),
    ],
)
async def test_misuse_says_what_is_wrong_and_breaks_nothing(
    broker: EmbeddedBroker, misuse: Callable[[EmbeddedBroker], object], message: str
) -> None:
    with pytest.raises(EmbeddedBrokerError) as raised:
        misuse(broker)
    assert isinstance(raised.value, BusError)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    async with producer(broker) as sender:
        await sender.send_and_wait("cups", b"still there")


@pytest.mark.parametrize(
    "use",
    [
        lambda b: b.bootstrap_servers,
        lambda b: b.create_topic("plates"),
        lambda b: b.delete_records("cups", 0, 1),
        lambda b: b.set_down(1),
        lambda b: b.set_up(1),
        lambda b: b.set_round_trip_time(1, 0),
        lambda b: b.push_errors(ApiKey.FETCH, 6),
        lambda b: b.push_errors(ApiKey.FETCH, 6, broker=1),
    ],
)
def test_nothing_works_before_start_and_after_stop(use: Callable[[EmbeddedBroker], object]) -> None:
    broker = EmbeddedBroker({"cups": 1})
    with pytest.raises(EmbeddedBrokerError, match="is not running"):
        use(broker)
    with broker:
        pass
    with pytest.raises(EmbeddedBrokerError, match="is not running"):
        use(broker)


@pytest.fixture(scope="module")
def lasting_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@given(name=st.text(st.characters(codec="utf-8"), max_size=8) | st.text("a.b_-", max_size=260))
def test_a_topic_has_kafkas_kind_of_name_or_none(lasting_broker: EmbeddedBroker, name: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    legal = 0 < len(name) <= 249 and name not in {".", ".."} and set(name) <= allowed
    if legal:
        with suppress(EmbeddedBrokerError):  # an earlier example
            lasting_broker.create_topic(name)
        with pytest.raises(EmbeddedBrokerError, match="exists already"):
            lasting_broker.create_topic(name)
    else:
        with pytest.raises(EmbeddedBrokerError, match="no name of a topic"):
            lasting_broker.create_topic(name)


def start_in_new_process(before: str, path: Path | None = None) -> str:
    """What an embedded broker says that is started where confluent-kafka is not as it should be."""
    program = f"""
import sys
{before}
from axion_gen.runtime.testing import EmbeddedBroker, EmbeddedBrokerError
try:
    EmbeddedBroker().start()
except EmbeddedBrokerError as error:
    print(error)
"""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | ({"PYTHONPATH": str(path)} if path else {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout


def test_without_confluent_kafka_and_pytest_the_rest_can_be_imported() -> None:
    said = start_in_new_process(
        "sys.modules['confluent_kafka'] = None; sys.modules['pytest'] = None"
    )
    assert said.startswith("the embedded broker is inside confluent-kafka, which cannot be imp")
    assert said.endswith("pip install confluent-kafka\n")


def test_a_library_without_the_mock_cluster_is_named(tmp_path: Path) -> None:
    (tmp_path / "confluent_kafka").mkdir()
    (tmp_path / "confluent_kafka/__init__.py").write_text("__version__ = '1.2.3'")
    (tmp_path / "confluent_kafka.libs").mkdir()
    other_library: str = _ctypes.__file__
    shutil.copy(other_library, tmp_path / "confluent_kafka.libs/librdkafka-1.so.1")
    said = start_in_new_process("", tmp_path)
    assert said.startswith("the librdkafka of confluent-kafka 1.2.3 has no mock cluster (")
    assert "rd_kafka_conf_new" in said


def test_a_package_without_a_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "confluent_kafka").mkdir()
    (tmp_path / "confluent_kafka/__init__.py").write_text("__version__ = '1.2.3'")
    no_system_library = "import ctypes.util; ctypes.util.find_library = lambda name: None"
    said = start_in_new_process(no_system_library, tmp_path)
    assert said.startswith(f"there is no librdkafka beside {tmp_path / 'confluent_kafka'}: ")


def test_the_fixture_gives_each_test_a_broker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "pytest_plugins = ['axion_gen.runtime.testing.fixtures']\n"
    )
    (tmp_path / "test_service.py").write_text(
        "def test_one(embedded_broker):\n"
        "    embedded_broker.create_topic('cups', partitions=3)\n"
        "def test_another(embedded_broker):\n"
        "    embedded_broker.create_topic('cups', partitions=3)\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr

"""The producer on the embedded broker: what is acknowledged, refused, overdue, and mended."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection  # type: ignore[import-untyped]  # ships no types
from aiokafka.partitioner import murmur2  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime import EmitError, KafkaSettings, NotRunningError, StartError
from axion_gen.runtime.errors import RecordTooLargeError
from axion_gen.runtime.kafka import MAX_RECORD_BYTES, KafkaProducer
from axion_gen.runtime.kafka.line import _murmur2
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey

from .kafka import end_offset, read, until

MESSAGE_TOO_LARGE = 10
TOPIC_AUTHORIZATION_FAILED = 29
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
UNKNOWN_PRODUCER_ID = 59
PRODUCER_ID = 43
"""Where in a batch the id of its producer is; without one it is -1."""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics={"one": 1, "three": 3}) as broker:
        yield broker


@asynccontextmanager
async def producer_on(
    broker: EmbeddedBroker, *, extra_bytes: int = 0, **settings: Any
) -> AsyncIterator[KafkaProducer]:
    settings.setdefault("bootstrap_servers", broker.bootstrap_servers)
    producer = KafkaProducer(KafkaSettings(**settings), "test", extra_bytes=extra_bytes)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def test_many_sends_at_once_keep_the_order_of_a_key(broker: EmbeddedBroker) -> None:
    # So many bytes that most sends find their batch full, and wait.
    numbers = range(400)
    async with producer_on(broker) as producer:
        await asyncio.gather(
            *(
                producer.send("three", b"%d" % (number % 7), b"%5d" % number + bytes(2000), [])
                for number in numbers
            )
        )
    records = await read(broker.bootstrap_servers, "three", at_least=len(numbers))
    for key in {record.key for record in records}:
        values = [record.value for record in records if record.key == key]
        assert values == sorted(v for v in values if v is not None)
    assert sorted(int((record.value or b"")[:5]) for record in records) == [*numbers]


async def test_it_asks_for_all_replicas_and_numbers_what_it_sends(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    send = AIOKafkaConnection.send

    def note(self: Any, request: Any, *args: Any, **keywords: Any) -> Any:
        sent.append(request)
        return send(self, request, *args, **keywords)

    monkeypatch.setattr(AIOKafkaConnection, "send", note)
    async with producer_on(broker) as producer:
        await producer.send("one", b"k", b"v", [])
    (produced,) = [request for request in sent if request.API_KEY == ApiKey.PRODUCE]
    assert produced.required_acks == -1, "acks=all"
    ((_, ((_, batch),)),) = produced._topics
    assert struct.unpack_from(">q", batch, PRODUCER_ID)[0] >= 0, "brokers know a repetition by it"


async def test_a_record_without_key_and_value(broker: EmbeddedBroker) -> None:
    async with producer_on(broker) as producer:
        await producer.send("one", None, None, (("name", None),))
    (record,) = await read(broker.bootstrap_servers, "one", at_least=1)
    assert (record.key, record.value, list(record.headers)) == (None, None, [("name", None)])


async def test_names_of_any_bytes_are_written_as_they_were(broker: EmbeddedBroker) -> None:
    name = b"caf\xe9\xff".decode("utf-8", "surrogateescape")
    async with producer_on(broker) as producer:
        await producer.send("one", b"k", b"before", [])
        await producer.send("one", b"k", b"v", [(name, b"\x00"), ("plain", None)])
        await producer.send("one", b"k", b"after", [])
    assert await end_offset(broker.bootstrap_servers, "one") == 3
    # test_kafka_consumer.py reads such names


async def test_a_topic_that_does_not_answer_in_time_leaves_the_fate_unknown(
    broker: EmbeddedBroker,
) -> None:
    async with producer_on(broker, emit_timeout_s=0.5) as producer:
        await producer.send("one", b"k", b"before", [])
        broker.set_round_trip_time(1, 2.0)
        with pytest.raises(EmitError, match="no acknowledgement within") as raised:
            await producer.send("one", b"k", b"late", [])
        assert raised.value.unknown
        broker.set_round_trip_time(1, 0)
    values = [r.value for r in await read(broker.bootstrap_servers, "one", at_least=2)]
    assert values == [b"before", b"late"]


async def test_what_never_got_into_the_buffer_is_certain(broker: EmbeddedBroker) -> None:
    async with producer_on(broker, emit_timeout_s=0.5) as producer:
        await producer.send("one", b"k", b"before", [])
        broker.set_down(1)
        sends = [producer.send("one", b"k", bytes(10_000), []) for _ in range(5)]
        ends = await asyncio.gather(*sends, return_exceptions=True)
        broker.set_up(1)
    assert all(isinstance(end, EmitError) for end in ends)
    unknown = [end.unknown for end in ends if isinstance(end, EmitError)]
    # The batch holds one such record; a second batch of the partition is not begun.
    assert unknown.count(False) >= 3
    assert await end_offset(broker.bootstrap_servers, "one") <= 1 + unknown.count(True)


async def test_a_cancelled_send_is_left_to_its_fate(broker: EmbeddedBroker) -> None:
    async with producer_on(broker) as producer:
        await producer.send("one", b"k", b"before", [])
        broker.set_round_trip_time(1, 0.2)
        sending = asyncio.create_task(producer.send("one", b"k", b"cancelled", []))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await producer.send("one", b"k", b"after", [])
    values = [r.value for r in await read(broker.bootstrap_servers, "one", at_least=3)]
    assert values == [b"before", b"cancelled", b"after"]


@pytest.mark.parametrize(
    "code",
    [
        MESSAGE_TOO_LARGE,
        TOPIC_AUTHORIZATION_FAILED,
        OUT_OF_ORDER_SEQUENCE_NUMBER,
        UNKNOWN_PRODUCER_ID,
    ],
)
async def test_no_refusal_loses_anything(broker: EmbeddedBroker, code: int) -> None:
    sent: list[bytes] = []

    async def send(number: int) -> None:
        value = b"%d" % number
        try:
            await producer.send("three", value, value, [])
        except EmitError:
            return
        sent.append(value)

    async with producer_on(broker) as producer:
        await asyncio.gather(*map(send, range(50)))
        broker.push_errors(ApiKey.PRODUCE, code, code, code)
        await asyncio.gather(*map(send, range(50, 100)))
        for number in range(100, 105):
            await send(number)
        # The fault is gone: whatever comes is taken.
        before = len(sent)
        await asyncio.gather(*map(send, range(105, 130)))
        assert len(sent) == before + 25
    values = [r.value for r in await read(broker.bootstrap_servers, "three", at_least=len(sent))]
    assert sorted(v or b"" for v in values) == sorted(sent)


async def test_a_refusal_says_whether_it_is_certain(broker: EmbeddedBroker) -> None:
    async with producer_on(broker) as producer:
        await producer.send("one", b"k", b"v", [])
        for code, unknown in ((TOPIC_AUTHORIZATION_FAILED, False), (UNKNOWN_PRODUCER_ID, True)):
            broker.push_errors(ApiKey.PRODUCE, code)
            with pytest.raises(EmitError, match="one did not take the record") as raised:
                await producer.send("one", b"k", b"v", [])
            assert raised.value.unknown is unknown


async def test_a_producer_that_is_replaced_keeps_the_order_of_a_key(
    broker: EmbeddedBroker,
) -> None:
    arrived: list[int] = []

    async def send(number: int) -> None:
        try:
            await producer.send("three", b"key", b"%d" % number, [])
        except EmitError:
            return
        arrived.append(number)

    async with producer_on(broker) as producer:
        sends = []
        for number in range(300):
            if number % 60 == 30:
                broker.push_errors(ApiKey.PRODUCE, UNKNOWN_PRODUCER_ID)
            sends.append(asyncio.create_task(send(number)))
            if number % 10 == 0:
                await asyncio.sleep(0.005)
        await asyncio.gather(*sends)
    values = [r.value for r in await read(broker.bootstrap_servers, "three", at_least=len(arrived))]
    assert [int(v or b"") for v in values] == sorted(arrived)
    assert len(arrived) > 100


async def test_a_new_producer_waits_for_brokers_to_come_back(broker: EmbeddedBroker) -> None:
    async with producer_on(broker, request_timeout_s=26.0) as producer:
        await producer.send("one", b"k", b"1", [])
        broker.push_errors(ApiKey.PRODUCE, UNKNOWN_PRODUCER_ID)
        with pytest.raises(EmitError):
            await producer.send("one", b"k", b"2", [])
        broker.set_down(1)
        sending = asyncio.create_task(producer.send("one", b"k", b"3", []))
        done, _ = await asyncio.wait((sending,), timeout=0.5)
        assert not done
        broker.set_up(1)
        await sending
    values = [r.value for r in await read(broker.bootstrap_servers, "one", at_least=2)]
    assert values == [b"1", b"3"]


async def test_a_record_that_is_too_large(broker: EmbeddedBroker) -> None:
    async with producer_on(broker) as producer:
        with pytest.raises(RecordTooLargeError, match=f"at most {MAX_RECORD_BYTES}") as raised:
            await producer.send("one", b"k", bytes(MAX_RECORD_BYTES), [])
        assert not raised.value.unknown
        await producer.send("one", b"k", b"small", [])
        broker.push_errors(ApiKey.PRODUCE, MESSAGE_TOO_LARGE)
        with pytest.raises(RecordTooLargeError):
            await producer.send("one", b"k", b"the broker finds it large", [])
    assert await end_offset(broker.bootstrap_servers, "one") == 1


async def test_what_is_too_large_only_together_is_sent_apart(broker: EmbeddedBroker) -> None:
    async with producer_on(broker) as producer:
        await producer.send("one", b"k", b"0", [])
        broker.push_errors(ApiKey.PRODUCE, MESSAGE_TOO_LARGE)
        await asyncio.gather(*(producer.send("one", b"k", b"%d" % n, []) for n in (1, 2, 3)))
    values = [r.value for r in await read(broker.bootstrap_servers, "one", at_least=4)]
    assert values == [b"0", b"1", b"2", b"3"]


async def test_a_dead_letter_may_be_larger(broker: EmbeddedBroker) -> None:
    async with producer_on(broker, extra_bytes=65536) as producer:
        await producer.send("one", b"k", bytes(MAX_RECORD_BYTES + 10_000), [])
    assert await end_offset(broker.bootstrap_servers, "one") == 1


async def test_stopping_is_bounded_while_brokers_are_away(broker: EmbeddedBroker) -> None:
    async with asyncio.timeout(20):
        async with producer_on(broker) as producer:
            await producer.send("one", b"k", b"before", [])
            broker.set_down(1)
            sending = asyncio.create_task(producer.send("one", b"k", b"stuck", []))
            await asyncio.sleep(0.1)
        with pytest.raises(EmitError, match="closed") as raised:
            await sending
        assert raised.value.unknown
        with pytest.raises(NotRunningError):
            await producer.send("one", b"k", b"after", [])
        broker.set_up(1)


async def test_a_producer_without_brokers_says_so(broker: EmbeddedBroker) -> None:
    broker.set_down(1)
    with pytest.raises(StartError, match="no producer can be started"):
        async with producer_on(broker):
            raise AssertionError
    broker.set_up(1)


async def test_what_is_under_way_is_forgotten_when_it_ends(broker: EmbeddedBroker) -> None:
    async with producer_on(broker, emit_timeout_s=0.2) as producer:
        for _ in range(3):
            await producer.send("one", b"k", b"v", [])
            await asyncio.sleep(0.15)
        assert not producer._under_way._deadlines
        assert not producer._turns
        # The one timer ends when it finds nothing to wait for.
        await until(lambda: producer._under_way._timer is None, "the timer ends")


@given(st.binary(max_size=64))
def test_keys_go_where_kafkas_own_clients_put_them(key: bytes) -> None:
    assert _murmur2(key) == murmur2(key) & 0x7FFFFFFF

"""The Redis store by itself, as a bus uses it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from axion_gen.runtime.delivery import Delivery
from axion_gen.runtime.errors import StartError
from axion_gen.runtime.stores import Begun
from axion_gen.runtime.stores.redis import RedisStore
from tests.servers import Redis

from .records import Record, deliver, delivery_of, start

pytestmark = pytest.mark.servers


@pytest.fixture(params=[True, False], ids=["text", "bytes"])
async def client(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[Client]:
    client = Client.from_url(redis.url, decode_responses=request.param)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def store(client: Client) -> RedisStore:
    store = RedisStore(client, retention_s=3600)
    await start(store)
    return store


async def work(delivery: Delivery) -> None:
    pass


async def test_what_was_handled_is_not_handled_again(client: Client, store: RedisStore) -> None:
    record = Record(offset=7)
    assert await deliver(store, record, work) is not None
    assert await deliver(store, record, work) is None
    restarted = RedisStore(client)
    await start(restarted)
    assert await deliver(restarted, record, work) is None


async def test_another_group_handles_it_too(client: Client, store: RedisStore) -> None:
    record = Record()
    await deliver(store, record, work)
    other = RedisStore(client)
    await start(other, group="billing-group")
    assert await deliver(other, record, work) is not None


async def test_what_did_not_end_is_handled_again(store: RedisStore) -> None:
    record = Record()
    for _ in range(3):
        assert await store.begin(delivery_of(record)) == Begun(deliveries=1)


async def test_marks_expire(client: Client, store: RedisStore) -> None:
    record = Record()
    await deliver(store, record, work)
    (key,) = await client.keys("axion:*")
    name = key.decode() if isinstance(key, bytes) else key
    assert name == f"axion:items-group:{delivery_of(record).key}"
    assert 3500 < await client.ttl(key) <= 3600


@pytest.mark.parametrize("raw", [None, b"", b"\x00", b"\xff\xfe", b"x" * 100_000])
async def test_any_message_id_can_be_marked(store: RedisStore, raw: bytes | None) -> None:
    record = Record(message_id=raw)
    await deliver(store, record, work)
    assert await deliver(store, record, work) is None


async def test_a_topic_made_again_is_handled_again(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    await deliver(store, Record(offset=3), work)
    new = Record(offset=3)
    assert await deliver(store, new, work) is not None
    assert "item.commands[0]@3: another record was processed at this offset" in caplog.text
    assert await deliver(store, new, work) is None


async def test_marks_survive_an_outage(redis: Redis, store: RedisStore) -> None:
    record = Record()
    await deliver(store, record, work)
    redis.stop()
    try:
        with pytest.raises(store.outages):
            await store.begin(delivery_of(record))
        with pytest.raises(store.outages):
            await store.end(delivery_of(record))
    finally:
        redis.start()
    assert await deliver(store, record, work) is None


async def test_a_mark_that_redis_refuses_is_an_error(client: Client, store: RedisStore) -> None:
    await client.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisError):
            await store.end(delivery_of(Record()))
    finally:
        await client.config_set("maxmemory", "0")


async def test_the_start_says_that_redis_does_not_answer() -> None:
    async with Client.from_url("redis://:secret@127.0.0.1:1") as nobody:
        with pytest.raises(StartError, match="away") as raised:
            await start(RedisStore(nobody))
    assert "secret" not in str(raised.value)
